# SPDX-License-Identifier: Apache-2.0
"""What actions, parser states and the deparser do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from softswitch.ir.expressions import Expr, HeaderRef, Target


@dataclass(frozen=True, slots=True)
class Assign:
    """Write a field; the value is cut to its width."""

    target: Target
    value: Expr


@dataclass(frozen=True, slots=True)
class SetValidity:
    """Make a header valid (all fields zero if it was not) or invalid."""

    header: HeaderRef
    is_valid: bool


@dataclass(frozen=True, slots=True)
class CopyHeader:
    """Assign one header to another of the same type, validity included."""

    target: str
    source: str


@dataclass(frozen=True, slots=True)
class CopyStack:
    """Assign a whole stack."""

    target: str
    source: str


@dataclass(frozen=True, slots=True)
class ShiftStack:
    """``push_front(count)`` for a positive count, ``pop_front(-count)`` for a negative one."""

    stack: str
    count: int


@dataclass(frozen=True, slots=True)
class MarkToDrop:
    """Set egress_spec to the drop port and the multicast group to 0."""


@dataclass(frozen=True, slots=True)
class Hash:
    """``target = base + hash(calculation) % size``; a size of 0 counts as 1."""

    target: Target
    calculation: str
    base: Expr
    size: Expr


@dataclass(frozen=True, slots=True)
class Random:
    """A uniform random number within ``low..high``; nothing happens when low is above high."""

    target: Target
    low: Expr
    high: Expr


@dataclass(frozen=True, slots=True)
class Count:
    """Count the packet in a cell of a counter array."""

    counter: str
    index: Expr


@dataclass(frozen=True, slots=True)
class ExecuteMeter:
    """Store the packet's colour by a cell of a meter array."""

    meter: str
    index: Expr
    target: Target


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """Load a register cell; an index beyond the array leaves the target alone."""

    target: Target
    register: str
    index: Expr


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """Store into a register cell; an index beyond the array does nothing."""

    register: str
    index: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class SendDigest:
    """Send a digest message at the end of ingress."""

    digest_id: Expr


@dataclass(frozen=True, slots=True)
class Clone:
    """Clone the packet at the end of this pipeline, keeping the fields of a field list."""

    session: Expr
    field_list: Expr


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Send the original packet through ingress again, keeping the fields of a field list."""

    field_list: Expr


@dataclass(frozen=True, slots=True)
class Recirculate:
    """Send the deparsed packet through ingress again, keeping the fields of a field list."""

    field_list: Expr


@dataclass(frozen=True, slots=True)
class Truncate:
    """Cut what is sent to a length in bytes."""

    length: Expr


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the pipeline after this action."""


@dataclass(frozen=True, slots=True)
class Log:
    """Write a log message; each ``{}`` takes a value."""

    message: str
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Assert:
    """Log when a condition does not hold (BMv2 aborts the process)."""

    condition: Expr
    text: str


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on with the statement at an index, unconditionally or only if ``unless`` is zero."""

    destination: int
    unless: Expr | None = None


Statement: TypeAlias = (
    Assign
    | SetValidity
    | CopyHeader
    | CopyStack
    | ShiftStack
    | MarkToDrop
    | Hash
    | Random
    | Count
    | ExecuteMeter
    | ReadRegister
    | WriteRegister
    | SendDigest
    | Clone
    | Resubmit
    | Recirculate
    | Truncate
    | Exit
    | Log
    | Assert
    | Jump
)
