from vouchers import codes


def test_every_voucher_has_a_code_of_its_own() -> None:
    made = codes(40)
    assert len(set(made)) == len(made)
