from throttle import Device, Throttle


def test_device_can_rest() -> None:
    throttle, device = Throttle(), Device()
    assert [throttle.call(device.ask) for _ in range(3)] == ["ready"] * 3
