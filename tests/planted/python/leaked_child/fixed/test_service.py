from service import Service


def test_service_gets_ready() -> None:
    service = Service()
    try:
        assert service.said() == "ready"
    finally:
        service.close()
