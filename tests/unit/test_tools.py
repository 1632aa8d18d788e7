"""What tests need is required in CI, and a reason to skip elsewhere."""

import pytest
from tests.tools import needed


def test_a_missing_program_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""
    monkeypatch.delenv("FLAKEPROOF_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        needed("no-such-program")


def test_a_missing_program_fails_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that CI cannot be green because nothing was tested."""
    monkeypatch.setenv("FLAKEPROOF_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed, and FLAKEPROOF_REQUIRE_ALL"):
        needed("no-such-program")


def test_a_program_is_found() -> None:
    """By its path."""
    assert needed("sh").endswith("/sh")
