# SPDX-License-Identifier: Apache-2.0
"""Header instances and stacks."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD_METADATA = "standard_metadata"


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A field of a header type; ``offset`` counts bits from the header's start."""

    name: str
    width: int
    offset: int
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A header or metadata instance. ``width`` is the sum of its fields in bits."""

    name: str
    type_name: str
    fields: tuple[HeaderField, ...]
    is_metadata: bool
    stack: str | None = None

    @property
    def width(self) -> int:
        """Bits on the wire."""
        return sum(field.width for field in self.fields)

    def field(self, name: str) -> HeaderField | None:
        """Return the field of that name, None where there is none."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Stack:
    """A header stack: the names of its elements in order."""

    name: str
    elements: tuple[str, ...]
