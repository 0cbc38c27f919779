# SPDX-License-Identifier: Apache-2.0
"""From the steps of one switch to its passes: what ingress did, and what egress did with each copy, and how each ended.

Copies nest: what egress clones goes through egress before the frame that it was cloned from leaves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from p4vpc.compiler.drop_reasons import DropReason
from p4vpc.compiler.entries import Identity
from p4vpc.services.trace.plugin import Processed, Step

DROP_TABLES = ("drop_reasons", "egress_drop_reasons")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table that was asked, and what came of it. `action` is that of the entry, or the default one."""

    table: str
    key: tuple[int, ...]
    is_hit: bool
    identity: Identity | None
    action: str = ""
    args: tuple[int, ...] = ()


@dataclass(slots=True)
class Pass:
    """Once through ingress (`egress_port` None) or egress.

    Attributes:
        is_copy: a clone, for the controller or a mirror, and not the frame itself.
        output: the frame that left; None if none did.
    """

    egress_port: int | None = None
    is_copy: bool = False
    steps: list[Step] = field(default_factory=list)
    output: bytes | None = None

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """The tables asked, in their order."""
        return tuple(_lookups(self.steps))

    @property
    def reason(self) -> int | None:
        """Why the frame was dropped, by its number; None if it was not, or for nothing that counts as a reason."""
        return next((it.key[0] for it in self.lookups if it.table in DROP_TABLES), None)

    @property
    def parser_states(self) -> tuple[str, ...]:
        """The parser's states, in their order."""
        return tuple(step.name for step in self.steps if step.kind == "parse")


def passes_of(processed: Processed) -> tuple[Pass, list[Pass]]:
    """Return the pass through ingress, and those through egress in the order of their beginning."""
    ingress = Pass()
    found: list[Pass] = []
    running: list[Pass] = []
    outputs = iter(processed.outputs)
    clones_to_come = 0
    for step in processed.steps:
        match step.kind:
            case "ingress":
                ingress.steps.append(step)
            case "egress":
                is_copy = bool(running) or clones_to_come > 0
                clones_to_come -= 0 if running or not clones_to_come else 1
                begun = Pass(step.args[0], is_copy, [step])
                found.append(begun)
                running.append(begun)
            case "output" | "drop" if running:
                ended = running.pop()
                ended.steps.append(step)
                if step.kind == "output":
                    ended.output = next(outputs)[1]
            case _:
                of = running[-1] if running else ingress
                of.steps.append(step)
                if not running and step.kind == "copy" and step.name == "clone":
                    clones_to_come += step.args[1]
    return ingress, found


def name_of(reason: int) -> str:
    """The name of a drop reason, as counters and samples have it."""
    try:
        return DropReason(reason).name.lower()
    except ValueError:
        return f"reason_{reason}"


def _lookups(steps: Sequence[Step]) -> Iterator[Lookup]:
    for position, step in enumerate(steps):
        if step.kind != "table":
            continue
        called = next(
            (it for it in steps[position + 1 : position + 3] if it.kind == "action" and it.detail == step.name), None
        )
        action, args = ("", ()) if called is None else (called.name, called.args)
        yield Lookup(step.name, step.key, step.detail == "hit", step.identity, action, args)
