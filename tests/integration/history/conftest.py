"""A server of PostgreSQL for all tests of the history, and a database of it for each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from tests.integration.history.postgresql import postgresql

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Its URL."""
    with postgresql() as url:
        yield url


def new_database(server: str) -> str:
    """The URL of an empty one."""
    name = f"history{next(_NUMBERS)}"
    engine = sqlalchemy.create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a history is to be, in each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    return new_database(request.getfixturevalue("server"))
