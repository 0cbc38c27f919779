# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL database, which several controllers may share.

Whoever writes holds an advisory lock until the end of its transaction, so commits come one after the other: revision
numbers have no gaps and are visible in their order. Leases have a lock of their own, as they must not wait for a long
commit. A reader sees one state of the database. What the server is told here makes it give up on a client that sleeps
in the middle of a transaction (a controller that was stopped), and the client on a server that has gone.
"""

from importlib.util import find_spec
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from p4vpc.errors import StoreError

LOCK_TIMEOUT_MS = 10_000
IDLE_TIMEOUT_MS = 10_000
"""How long a transaction may hold the lock and do nothing."""

CHANNEL = "p4vpc"
"""Of NOTIFY; the payload says what is new."""

_CONNECT_SECONDS = 5
_SETTINGS = {
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
    "client_encoding": "utf8",
}
_CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
}


def open_engine(url: URL) -> Engine:
    """Prepare to connect; StoreError if the driver is not installed."""
    if find_spec("psycopg") is None:
        shown = url.render_as_string(hide_password=True)
        raise StoreError(f"{shown}: the driver for PostgreSQL is not installed (pip install 'p4vpc[postgresql]')")
    engine = create_engine(driver_url(url), pool_pre_ping=True, connect_args=_CONNECT_ARGS)
    event.listen(engine, "connect", _prepare)
    return engine


def driver_url(url: URL) -> URL:
    """The URL with the driver that we use, whichever it has."""
    return url.set(drivername="postgresql+psycopg")


def begin_read(connection: Connection) -> Connection:
    """A connection whose next transaction sees one state."""
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def lock(connection: Connection, key: int) -> None:
    """Wait until no other transaction has this lock; it is held until the end of this one."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:space, :key)"), {"space": _LOCK_SPACE, "key": key})


def now_us(connection: Connection) -> int:
    """The server's clock, in microseconds since 1970."""
    query = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")
    return int(connection.execute(query).scalar_one())


def notify(connection: Connection, payload: str) -> None:
    """Tell whoever listens, once this transaction has committed."""
    connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


def connect_to_listen(url: URL) -> Any:
    """A psycopg connection that has subscribed to `CHANNEL`; psycopg.Error if it cannot."""
    import psycopg  # noqa: PLC0415

    arguments = driver_url(url).translate_connect_args(username="user", database="dbname")
    connection = psycopg.connect(**{**_CONNECT_ARGS, **url.query, **arguments}, autocommit=True)
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


_LOCK_SPACE = 0x7034_7670
"""Advisory locks are of a whole database, so ours are told from others' by this number: "p4vp"."""


def _prepare(connection: Any, _record: object) -> None:
    # A server may be set up to acknowledge what is not yet on the disk. A commit of ours is there when it returns.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()
