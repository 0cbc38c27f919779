# SPDX-License-Identifier: Apache-2.0
"""Opening the database, and transactions that are what they say."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import IntEnum

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from p4vpc.errors import StoreError
from p4vpc.store import postgresql, sqlite
from p4vpc.store.migrations import bring_up_to_date
from p4vpc.store.times import now_us


class Lock(IntEnum):
    """What a writer keeps others from. SQLite has one lock for all of it."""

    COMMITS = 1
    LEASES = 2


class Database:
    """A SQLite or PostgreSQL database with our schema.

    A transaction that writes takes its lock when it begins, so it never fails half-way because another one was
    faster. A transaction that has committed is on the disk.
    """

    def __init__(self, url: str):
        self.url = _parse(url)
        self.is_shared = self.url.get_backend_name() == "postgresql"
        self._engine = _open_engine(self.url)
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
        with self._lock, _told(), self._engine.connect() as plain:
            connection = postgresql.begin_read(plain) if self.is_shared else plain
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, lock: Lock = Lock.COMMITS) -> Iterator[Connection]:
        """Run a transaction that is the only one to write this; commit unless an exception leaves it."""
        with self._lock, _told(), self._engine.connect() as plain:
            connection = plain.execution_options(**{sqlite.IS_WRITER: True})
            with connection.begin():
                if self.is_shared:
                    postgresql.lock(connection, lock)
                yield connection

    def now_us(self, connection: Connection) -> int:
        """The database's clock, in microseconds since 1970: the one that all controllers go by."""
        return postgresql.now_us(connection) if self.is_shared else now_us()

    def notify(self, connection: Connection, payload: str) -> None:
        """Tell other processes that listen, once the transaction has committed; of SQLite nobody hears."""
        if self.is_shared:
            postgresql.notify(connection, payload)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise StoreError(f"the database cannot be used: {cause}") from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{url!r} is not a database URL (like sqlite:///p4vpc.db)") from error
    if parsed.drivername == "postgres":
        parsed = parsed.set(drivername="postgresql")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        shown = parsed.render_as_string(hide_password=True)
        remedy = "sqlite:///p4vpc.db, or postgresql://user:password@host/p4vpc"
        raise StoreError(f"{shown}: only SQLite and PostgreSQL are supported (like {remedy})")
    return parsed


def _open_engine(url: URL) -> Engine:
    return sqlite.open_engine(url) if url.get_backend_name() == "sqlite" else postgresql.open_engine(url)
