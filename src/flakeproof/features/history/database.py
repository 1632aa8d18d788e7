"""The database of the history: SQLite in a file, or PostgreSQL by URL; its tables are made and kept up by Alembic.

Writers take turns: each change is one transaction that begins with a lock (`BEGIN IMMEDIATE`, or an advisory lock of
PostgreSQL), so that two importers lose nothing and a killed one leaves nothing half in.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeproof.errors import CannotRunError, UsageError
from flakeproof.settings.load import Config
from flakeproof.settings.values import is_url, without_password
from flakeproof.store.folder import HISTORY_NAME, store_of
from flakeproof.text import one_line, shown_path

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK = 0x666C616B65  # ours among the advisory locks of a PostgreSQL database
_BUSY_SECONDS = 120
_MIGRATIONS = Path(__file__).with_name("migrations")
_NEWEST = "0001"
_REMEDY = "install it: pip install 'flakeproof[history]'; for PostgreSQL 'flakeproof[postgresql]'"


def place_of(config: Config) -> str:
    """Where the history is: a URL, or the path of a file."""
    where = config.get("history")
    return where if isinstance(where, str) else str(store_of(config).root / HISTORY_NAME)


class HistoryDatabase:
    """An open one."""

    def __init__(self, place: str, *, must_exist: bool = False) -> None:
        """Open the history at `place`, and make it unless it `must_exist`.

        Raises UsageError for what cannot be opened, and where SQLAlchemy is not installed.
        """
        try:
            import sqlalchemy
        except ImportError as error:
            raise UsageError(f"a history needs SQLAlchemy, which is not there ({error})", _REMEDY) from None
        self.place = without_password(place) if is_url(place) else shown_path(place)
        self._made: Path | None = None
        self._is_postgresql = is_url(place)
        self._engine = self._postgresql(place) if self._is_postgresql else self._sqlite(Path(place), must_exist)
        try:
            with self._engine.connect() as connection:
                self._check(connection)
        except sqlalchemy.exc.SQLAlchemyError as error:
            self.close()
            told = one_line(str(getattr(error, "orig", None) or error))
            raise UsageError(f"the history in {self.place} cannot be opened: {told}", "see --history") from None
        except BaseException:
            self.close()
            raise

    def _sqlite(self, path: Path, must_exist: bool) -> "Engine":
        import sqlalchemy

        if must_exist and not path.exists():
            raise UsageError(
                f"there is no history in {self.place}",
                "flakeproof history import PATH… makes it; `history = true` in [tool.flakeproof] adds each run",
            )
        if path.is_dir():
            raise UsageError(f"the history {self.place} is a folder", "name a file")
        try:
            self._make_room(path)
        except OSError as error:
            raise UsageError(f"the history {self.place} cannot be written: {error.strerror}") from None
        engine = sqlalchemy.create_engine(
            sqlalchemy.URL.create("sqlite", database=str(path)), connect_args={"timeout": _BUSY_SECONDS}
        )

        @sqlalchemy.event.listens_for(engine, "connect")
        def connected(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # the driver would begin when it likes; `writing` says when
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")

        @sqlalchemy.event.listens_for(engine, "begin")
        def begun(connection: "Connection") -> None:
            options = connection.get_execution_options()
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("flakeproof_writes") else "BEGIN")

        return engine

    def _make_room(self, path: Path) -> None:
        """The folder of the file; that of runs gets the file by which it is known to be ours."""
        if path.parent.name == ".flakeproof" and not path.parent.exists():
            from flakeproof.store.folder import Store

            Store(path.parent).make()
        path.parent.mkdir(parents=True, exist_ok=True)

    def _postgresql(self, place: str) -> "Engine":
        import sqlalchemy

        try:
            url = sqlalchemy.make_url(place)
            if url.drivername in ("postgres", "postgresql"):
                url = url.set(drivername="postgresql+psycopg")
            return sqlalchemy.create_engine(url)
        except sqlalchemy.exc.ArgumentError:
            raise UsageError(
                f"{self.place} is no URL of a database", "write it like postgresql://user@host/name"
            ) from None
        except ImportError as error:
            raise UsageError(f"PostgreSQL needs psycopg, which is not there ({error})", _REMEDY) from None

    def _check(self, connection: "Connection") -> None:
        import sqlalchemy

        inspector = sqlalchemy.inspect(connection)
        known = None
        if inspector.has_table("alembic_version"):
            known = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        connection.rollback()
        if known == _NEWEST:
            return
        if known is not None and known > _NEWEST:
            raise UsageError(
                f"the history in {self.place} was made by a newer flakeproof (tables {known}, here {_NEWEST})",
                "update flakeproof",
            )
        with self.writing() as writer:
            self._upgrade(writer)

    def _upgrade(self, connection: "Connection") -> None:
        import alembic.command
        import alembic.config

        config = alembic.config.Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")

    @contextmanager
    def writing(self) -> Iterator["Connection"]:
        """One transaction that nobody else writes beside; rolled back if what is in it raises.

        Raises CannotRunError where the database refuses.
        """
        import sqlalchemy

        try:
            with (
                self._engine.connect().execution_options(flakeproof_writes=True) as connection,
                connection.begin(),
            ):
                if self._is_postgresql:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
        except sqlalchemy.exc.SQLAlchemyError as error:
            told = one_line(str(getattr(error, "orig", None) or error))
            raise CannotRunError(f"the history in {self.place} cannot be written: {told}") from None

    @contextmanager
    def reading(self) -> Iterator["Connection"]:
        """One transaction that sees one state. Raises CannotRunError where the database refuses."""
        import sqlalchemy

        level: Any = {"isolation_level": "REPEATABLE READ"} if self._is_postgresql else {}
        try:
            with self._engine.connect().execution_options(**level) as connection, connection.begin():
                yield connection
        except sqlalchemy.exc.SQLAlchemyError as error:
            told = one_line(str(getattr(error, "orig", None) or error))
            raise CannotRunError(f"the history in {self.place} cannot be read: {told}") from None

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()
