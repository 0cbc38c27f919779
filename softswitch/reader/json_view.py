# SPDX-License-Identifier: Apache-2.0
"""Typed access to untyped JSON, with the path of whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from softswitch.errors import InvalidProgramError

MAX_WIDTH = 4096
"""Bits of the widest value; wider ones are a damaged file rather than a program."""
MAX_CELLS = 1 << 24
"""Cells of the largest counter, meter or register array."""


class JsonView:
    """A JSON value and the path to it; each accessor checks the type it promises.

    :raises InvalidProgramError: from every accessor, naming the path and the expected type.
    """

    __slots__ = ("path", "raw")

    def __init__(self, raw: Any, path: str) -> None:
        self.raw = raw
        self.path = path

    def wrong(self, expected: str) -> InvalidProgramError:
        """Return the error that this value is not what it should be."""
        shown = repr(self.raw)
        if len(shown) > 60:
            shown = shown[:57] + "..."
        return InvalidProgramError([f"{self.path}: expected {expected}, not {shown}"])

    def __getitem__(self, key: str) -> JsonView:
        if not isinstance(self.raw, dict):
            raise self.wrong("an object")
        if key not in self.raw:
            raise InvalidProgramError([f"{self.path}: {key} is missing"])
        return JsonView(self.raw[key], f"{self.path}.{key}")

    def get(self, key: str) -> JsonView | None:
        """Return a member, None where it is missing or null."""
        if not isinstance(self.raw, dict):
            raise self.wrong("an object")
        value = self.raw.get(key)
        return None if value is None else JsonView(value, f"{self.path}.{key}")

    def items(self, key: str) -> list[JsonView]:
        """Return the elements of a member list; missing counts as empty."""
        member = self.get(key)
        return list(member) if member is not None else []

    def __iter__(self) -> Iterator[JsonView]:
        if not isinstance(self.raw, list):
            raise self.wrong("a list")
        for index, value in enumerate(self.raw):
            label: object = value["name"] if isinstance(value, dict) and isinstance(value.get("name"), str) else index
            yield JsonView(value, f"{self.path}[{label}]")

    def at(self, index: int) -> JsonView:
        """Return an element of a list."""
        if not isinstance(self.raw, list) or index >= len(self.raw):
            raise self.wrong(f"a list of at least {index + 1}")
        return JsonView(self.raw[index], f"{self.path}[{index}]")

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.raw, str):
            raise self.wrong("a string")
        return self.raw

    def text_or_none(self) -> str | None:
        """Return a string, None for null."""
        return None if self.raw is None else self.text()

    def number(self) -> int:
        """Return an integer."""
        if not isinstance(self.raw, int) or isinstance(self.raw, bool):
            raise self.wrong("an integer")
        return self.raw

    def within(self, low: int, high: int) -> int:
        """Return an integer between two bounds, both allowed."""
        number = self.number()
        if not low <= number <= high:
            raise self.wrong(f"an integer from {low} to {high}")
        return number

    def flag(self) -> bool:
        """Return a boolean."""
        if not isinstance(self.raw, bool):
            raise self.wrong("true or false")
        return self.raw

    def hexstr(self) -> int:
        """Return the value of a hexadecimal string, which may have a minus sign."""
        text = self.text()
        try:
            return int(text, 16)
        except ValueError:
            raise self.wrong("a hexadecimal string") from None

    def pair(self) -> tuple[str, str]:
        """Return a field reference: two strings."""
        if not isinstance(self.raw, list) or len(self.raw) != 2:
            raise self.wrong("a header and a field name")
        return self.at(0).text(), self.at(1).text()

    def is_flag_set(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean member, the default where it is missing."""
        member = self.get(key)
        return default if member is None else member.flag()
