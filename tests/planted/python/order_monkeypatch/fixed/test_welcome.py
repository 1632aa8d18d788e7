from unittest import mock

import mailer


def test_welcome_goes_to_the_customer() -> None:
    with mock.patch("mailer.deliver") as deliver:
        mailer.welcome("bob")
    assert deliver.call_args.args[0]["to"] == "bob"


def test_a_letter_is_json() -> None:
    assert mailer.welcome("bob") == '{"text": "welcome", "to": "bob"}'
