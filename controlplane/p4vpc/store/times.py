# SPDX-License-Identifier: Apache-2.0
"""Times in the database: microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """Return the time of this moment."""
    return us_of(datetime.now(UTC))


def us_of(time: datetime) -> int:
    """Return an aware time as the database has it."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def time_of(time_us: int) -> datetime:
    """Return a time of the database, in UTC."""
    return _EPOCH + timedelta(microseconds=time_us)
