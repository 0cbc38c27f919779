# SPDX-License-Identifier: Apache-2.0
"""Building indented Python text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

INDENT = "    "


class Writer:
    """Lines of Python with the current indentation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0
        self.deepest = 0

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(INDENT * self._depth + text)
        self.deepest = max(self.deepest, self._depth)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Indent the lines added inside."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a compound statement; ``pass`` is its body where nothing is added inside."""
        self.line(head)
        start = len(self.lines)
        with self.indented():
            yield
            if len(self.lines) == start:
                self.line("pass")

    @contextmanager
    def captured(self) -> Iterator[list[str]]:
        """Collect the lines added inside instead of adding them; they are indented one level deeper."""
        kept, self.lines = self.lines, []
        captured: list[str] = []
        try:
            with self.indented():
                yield captured
        finally:
            captured.extend(self.lines)
            self.lines = kept

    def branch(self, arms: list[tuple[str, list[str]]], otherwise: list[str]) -> None:
        """Add ``if``/``elif``/``else`` from captured arms, in order, leaving out what is empty at the end."""
        arms = list(arms)
        while arms and not arms[-1][1] and not otherwise:
            arms.pop()
        if not arms:
            self.lines.extend(line[len(INDENT) :] for line in otherwise)
            return
        if len(arms) == 1 and not arms[0][1]:
            arms, otherwise = [(f"not ({arms[0][0]})", otherwise)], []
        word = "if"
        for condition, body in arms:
            self.line(f"{word} {condition}:")
            self.lines.extend(body or [INDENT * (self._depth + 1) + "pass"])
            word = "elif"
        if otherwise:
            self._add_else(otherwise)

    def _add_else(self, body: list[str]) -> None:
        inner = INDENT * (self._depth + 1)
        tops = [line for line in body if line.startswith(inner) and not line.startswith(inner + " ")]
        is_chain = tops[0].startswith(inner + "if ") and all(
            line.startswith((inner + "elif ", inner + "else:")) for line in tops[1:]
        )
        if is_chain:
            flattened = [line[len(INDENT) :] for line in body]
            flattened[0] = INDENT * self._depth + "el" + flattened[0].lstrip(" ")
            self.lines.extend(flattened)
        else:
            self.line("else:")
            self.lines.extend(body)

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"
