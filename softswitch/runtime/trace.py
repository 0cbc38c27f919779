# SPDX-License-Identifier: Apache-2.0
"""What happened to one packet, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from softswitch.runtime.entries import Entry


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step. ``kind`` says which of the fields are meaningful.

    ==============  ======================================================================================
    kind            name, detail, entry, args
    ==============  ======================================================================================
    ``parse``       parser state
    ``error``       parser error by name
    ``ingress``     start of a pass through ingress; detail = the instance type
    ``table``       table; detail = ``hit`` or ``miss``; entry = the entry hit; key = the values looked up
    ``action``      action; args = its parameters; detail = the table that called it
    ``member``      selector; detail = what was chosen out of how many
    ``condition``   source text of the condition; detail = ``true`` or ``false``
    ``copy``        ``clone``, ``multicast``, ``resubmit``, ``recirculate``; detail = where to
    ``egress``      start of a pass through egress; detail = the egress port
    ``log``         message of log_msg or of a failed assert
    ``drop``        where the packet ended: ``ingress`` or ``egress``; detail = why
    ``output``      port as text; detail = length in bytes
    ==============  ======================================================================================
    """

    kind: str
    name: str
    detail: str = ""
    entry: Entry | None = None
    key: tuple[int, ...] = ()
    args: tuple[int, ...] = ()

    def __str__(self) -> str:
        parts = [self.kind, self.name]
        if self.key:
            parts.append("(" + ", ".join(f"{value:#x}" for value in self.key) + ")")
        if self.args:
            parts.append("(" + ", ".join(f"{value:#x}" for value in self.args) + ")")
        if self.detail:
            parts.append(self.detail)
        return " ".join(parts)


class Recorder(Protocol):
    """Takes the steps that traced code tells."""

    def add(self, step: TraceStep, /) -> None:
        """Take one step."""


@dataclass(slots=True)
class Trace:
    """The steps of one packet in order, and what left the switch."""

    port: int
    frame: bytes
    steps: list[TraceStep] = field(default_factory=list)
    outputs: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, step: TraceStep) -> None:
        """Append a step (called by generated code)."""
        self.steps.append(step)

    @property
    def parser_states(self) -> list[str]:
        """Names of the parser states visited, in order."""
        return [step.name for step in self.steps if step.kind == "parse"]

    @property
    def tables(self) -> list[tuple[str, Entry | None]]:
        """Tables applied in order, with the entry hit or None for a miss."""
        return [(step.name, step.entry) for step in self.steps if step.kind == "table"]

    @property
    def actions(self) -> list[str]:
        """Names of the actions run, in order."""
        return [step.name for step in self.steps if step.kind == "action"]

    def __str__(self) -> str:
        return "\n".join(str(step) for step in self.steps)
