from unittest import mock

import mailer


def test_reminder_says_how_long() -> None:
    with mock.patch("mailer.deliver") as deliver:
        mailer.remind("ada", 3)
    deliver.assert_called_once_with({"to": "ada", "text": "3 days left"})


def test_reminder_of_today() -> None:
    with mock.patch("mailer.deliver") as deliver:
        mailer.remind("ada", 0)
    assert deliver.call_args.args[0]["text"] == "0 days left"
