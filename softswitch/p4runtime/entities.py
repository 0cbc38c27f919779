# SPDX-License-Identifier: Apache-2.0
"""What every kind of P4Runtime entity offers: write one, take the write back, read those that a filter selects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, TypeVar

from finsy.proto import p4r
from grpc import StatusCode

from softswitch.errors import (
    ConstantEntryError,
    EntryExistsError,
    EntryInUseError,
    EntryNotFoundError,
    SoftswitchError,
    TableFullError,
)
from softswitch.p4runtime import bytestring
from softswitch.p4runtime.status import StatusError, invalid, unimplemented

Undo: TypeAlias = Callable[[], None]
"""Takes one accepted update back; undos of a batch run in reverse order."""

INSERT = p4r.Update.INSERT
MODIFY = p4r.Update.MODIFY
DELETE = p4r.Update.DELETE
UpdateType: TypeAlias = p4r.Update.Type.ValueType

MAX_PORT = 0x1FF
"""v1model ports are 9 bits wide."""

_CODES: tuple[tuple[type[SoftswitchError], StatusCode], ...] = (
    (EntryExistsError, StatusCode.ALREADY_EXISTS),
    (EntryNotFoundError, StatusCode.NOT_FOUND),
    (TableFullError, StatusCode.RESOURCE_EXHAUSTED),
    (ConstantEntryError, StatusCode.PERMISSION_DENIED),
    (EntryInUseError, StatusCode.FAILED_PRECONDITION),
)

_T = TypeVar("_T")


def to_status_error(error: SoftswitchError) -> StatusError:
    """The canonical code for an error of the engine; anything that is not more specific is INVALID_ARGUMENT."""
    if isinstance(error, StatusError):
        return error
    for kind, code in _CODES:
        if isinstance(error, kind):
            return StatusError(code, str(error))
    return invalid(str(error))


class EntityHandler(ABC):
    """One kind of entity of a pipeline."""

    @abstractmethod
    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        """Apply one update. Raises SoftswitchError and has changed nothing then."""

    @abstractmethod
    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        """The entities that the filter selects. Raises StatusError when the filter itself is wrong."""


class UnsupportedHandler(EntityHandler):
    """A kind of entity that this target does not have."""

    def __init__(self, what: str) -> None:
        self._what = what

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        raise unimplemented(f"{self._what} is not supported by this target")

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        raise unimplemented(f"{self._what} is not supported by this target")


def require_modify(kind: UpdateType, what: str) -> None:
    """Refuse INSERT and DELETE of what always exists."""
    if kind != MODIFY:
        raise invalid(f"{what}: it always exists, so only MODIFY is allowed, not {p4r.Update.Type.Name(kind)}")


def select(objects: Mapping[int, _T], number: int, field: str) -> list[_T]:
    """The object with this id, or all for id 0. Raises StatusError when there is none."""
    return [look_up(objects, number, field)] if number else list(objects.values())


def look_up(objects: Mapping[int, _T], number: int, field: str) -> _T:
    """The object with this id. Raises StatusError naming the message field when there is none."""
    found = objects.get(number)
    if found is None:
        raise invalid(f"{field}: {number} ({number:#010x}) is not in the P4Info of the running pipeline")
    return found


def check_index(index: int, size: int, what: str) -> None:
    """Refuse an index outside an array (P4Runtime 1.5, sections 9.3.2, 9.4.2 and 9.7)."""
    if index < 0:
        raise invalid(f"{what}: index {index} is negative")
    if index >= size:
        raise StatusError(StatusCode.OUT_OF_RANGE, f"{what}: index {index} is outside 0 to {size - 1}")


def decode_port(data: bytes, what: str) -> int:
    """A port number from its byte string."""
    return check_port(bytestring.decode(data, 32, what), what)


def check_port(port: int, what: str) -> int:
    """Refuse what is no port number of a v1model switch."""
    if not 0 <= port <= MAX_PORT:
        raise invalid(f"{what}: {port} is not a port; ports are 0 to {MAX_PORT}")
    return port
