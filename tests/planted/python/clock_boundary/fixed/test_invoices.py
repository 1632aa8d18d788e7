from invoices import issue


def test_number_tells_when_it_was_issued() -> None:
    invoice = issue(["3 pencils", "1 ruler"])
    assert invoice.number == f"{invoice.issued:%Y%m%d-%H%M%S}"
