# SPDX-License-Identifier: Apache-2.0
"""What generated code calls: the few operations that Python has no operator for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from softswitch.runtime.hashes import fold16
from softswitch.runtime.trace import TraceStep as Step

__all__ = [
    "INSTANCE_TYPES",
    "Output",
    "Step",
    "divide",
    "fold16",
    "format_message",
    "from_bytes",
    "modulo",
    "pick",
    "shift_left",
    "sum16",
]

INSTANCE_TYPES = ("normal", "ingress clone", "egress clone", "", "recirculated", "replicated", "resubmitted")
MAX_SHIFT = 8192
MAX_PASSES = 64

from_bytes = int.from_bytes
Item = TypeVar("Item")


class Output(list[tuple[int, bytes]]):
    """The copies that leave, with a budget of further passes.

    BMv2 lets a program recirculate for ever; one frame must not hold up a single-threaded switch, so a frame gets
    `MAX_PASSES` resubmissions, recirculations and egress clones altogether, and what wants more is dropped.
    """

    passes = 0

    def take_pass(self) -> bool:
        """Use one pass up; False when there is none left."""
        self.passes += 1
        return self.passes <= MAX_PASSES


def pick(items: Sequence[Item], index: int) -> Item | int:
    """Return an element of a stack or register, 0 beyond its end (where BMv2 would abort)."""
    return items[index] if 0 <= index < len(items) else 0


def shift_left(value: int, amount: int) -> int:
    """Shift by an amount that a packet chose; what leaves every possible field is not worth computing."""
    return value << amount if 0 <= amount <= MAX_SHIFT else 0


def divide(left: int, right: int) -> int:
    """Return the quotient, 0 for a division by zero (where BMv2 would abort)."""
    return left // right if right else 0


def modulo(left: int, right: int) -> int:
    """Return the remainder, 0 for a division by zero (where BMv2 would abort)."""
    return left % right if right else 0


def sum16(data: bytes) -> int:
    """Return a number with the same ones' complement sum as the 16-bit words of data, padded with zeros."""
    if len(data) & 1:
        data += b"\0"
    return from_bytes(data, "big")


def format_message(message: str, *values: int) -> str:
    """Fill the ``{}`` of a log message in order; superfluous ones stay."""
    pieces = message.split("{}")
    text = pieces[0]
    for index, piece in enumerate(pieces[1:]):
        text += (str(int(values[index])) if index < len(values) else "{}") + piece
    return text
