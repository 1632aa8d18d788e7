import builtins


def test_once():
    assert not hasattr(builtins, "SHOP_IS_OPEN")
    builtins.SHOP_IS_OPEN = True
