from invoices import issue, number_at


def test_number_tells_when_it_was_issued() -> None:
    invoice = issue(["3 pencils", "1 ruler"])
    assert invoice.number == number_at(invoice.issued)
