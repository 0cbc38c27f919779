# SPDX-License-Identifier: Apache-2.0
"""Opening the database, and transactions that are what they say."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from p4vpc.errors import StoreError
from p4vpc.store.migrations import bring_up_to_date

BUSY_TIMEOUT_MS = 10_000
_IS_WRITER = "p4vpc_is_writer"


class Database:
    """A SQLite database with our schema.

    A transaction that writes takes the write lock when it begins, so it never fails half-way because another one was
    faster. A transaction that has committed is on the disk: the journal is a WAL and is synced at each commit.
    """

    def __init__(self, url: str):
        self._engine = _open_engine(url)
        # One connection that all threads share holds a database in memory, so they must take turns.
        self._lock: AbstractContextManager[object] = (
            threading.RLock() if isinstance(self._engine.pool, StaticPool) else nullcontext()
        )
        try:
            with self.write() as connection:
                bring_up_to_date(connection, self._engine.url.render_as_string(hide_password=True))
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run a transaction that sees one state of the database. StoreError if it cannot."""
        with self._lock, _told(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run a transaction that is the only one to write; commit unless an exception leaves it."""
        with self._lock, _told(), self._engine.connect() as plain:
            connection = plain.execution_options(**{_IS_WRITER: True})
            with connection.begin():
                yield connection


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"the database cannot be used: {cause}") from error


def _open_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{url!r} is not a database URL (like sqlite:///p4vpc.db)") from error
    if parsed.get_backend_name() != "sqlite":
        shown = parsed.render_as_string(hide_password=True)
        raise StoreError(f"{shown}: only SQLite is supported (like sqlite:///p4vpc.db)")
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(parsed)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own idea of when a transaction begins leaves reads outside of it; ours is `_begin`.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin(connection: Connection) -> None:
    is_writer = connection.get_execution_options().get(_IS_WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")
