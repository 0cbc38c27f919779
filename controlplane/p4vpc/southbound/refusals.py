# SPDX-License-Identifier: Apache-2.0
"""Updates that a switch has refused: held back, reported, and tried again later.

An entry that is refused degrades only the intent that it comes from. While it is held back the planner is told that the
switch shall keep what it has under that identity, so that the rest goes on without asking the switch again and again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from p4vpc.compiler.entries import DesiredEntry, Entry, Identity
from p4vpc.reconcile import Change, LeftOut, Operation, Schema
from p4vpc.southbound.describe import describe
from p4vpc.southbound.status import SwitchProblem

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused update. `retry_at` is on the clock of the event loop, in seconds."""

    change: Change
    reason: str
    attempts: int
    retry_at: float

    @property
    def wanted(self) -> Entry | None:
        """What should be there; None if the entry should be gone."""
        return None if self.change.operation is Operation.DELETE else self.change.entry


class Refusals:
    """All refused updates of one switch, by identity."""

    def __init__(self) -> None:
        self._refusals: dict[Identity, Refusal] = {}
        self._problems: tuple[SwitchProblem, ...] | None = None

    def __len__(self) -> int:
        return len(self._refusals)

    def add(self, change: Change, reason: str, now: float) -> Refusal:
        """Take note of a refusal; each in a row doubles the time to the next attempt."""
        identity = change.entry.identity
        before = self._refusals.get(identity)
        attempts = before.attempts + 1 if before is not None and before.wanted == _wanted(change) else 1
        delay = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempts - 1))
        refusal = Refusal(change, reason, attempts, now + delay)
        self._refusals[identity] = refusal
        self._problems = None
        return refusal

    def hold_back(
        self, desired: Mapping[Identity, DesiredEntry], actual: Mapping[Identity, Entry], now: float
    ) -> Mapping[Identity, DesiredEntry]:
        """`desired` without what is not yet to be tried again: there, what the switch has is taken for desired."""
        held = {identity: refusal for identity, refusal in self._refusals.items() if refusal.retry_at > now}
        if not held:
            return desired
        result = dict(desired)
        for identity, refusal in held.items():
            item = desired.get(identity)
            if (item.entry if item else None) != refusal.wanted:
                continue
            have = actual.get(identity)
            if have is None:
                result.pop(identity, None)
            else:
                result[identity] = DesiredEntry(have, refusal.change.origins)
        return result

    def forget_settled(self, desired: Mapping[Identity, DesiredEntry], actual: Mapping[Identity, Entry]) -> None:
        """Drop what is no longer wanted, or there by now."""
        for identity, refusal in list(self._refusals.items()):
            item = desired.get(identity)
            want = item.entry if item else None
            if want != refusal.wanted or want == actual.get(identity):
                del self._refusals[identity]
                self._problems = None

    def try_now(self, tables: Iterable[str] | None = None) -> None:
        """Make everything due (None), or what concerns tables in which there is new room."""
        due = None if tables is None else set(tables)
        for identity, refusal in self._refusals.items():
            if due is None or identity[0] in due:
                self._refusals[identity] = Refusal(refusal.change, refusal.reason, refusal.attempts, 0.0)

    def next_retry(self) -> float | None:
        """When the next is due; None if there is none."""
        return min((refusal.retry_at for refusal in self._refusals.values()), default=None)

    def problems(self, schema: Schema) -> tuple[SwitchProblem, ...]:
        """For the status; there may be thousands, and it is asked for often."""
        if self._problems is None:
            self._problems = tuple(
                SwitchProblem(
                    refusal.change.entry.identity[0],
                    f"{refusal.change.operation.name.lower()} {describe(refusal.change.entry, schema)}",
                    refusal.change.origins,
                    refusal.reason,
                )
                for refusal in self._refusals.values()
            )
        return self._problems


def left_out_problems(left_out: Iterable[LeftOut], schema: Schema) -> list[SwitchProblem]:
    """What the planner left out, for the status."""
    return [
        SwitchProblem(item.entry.identity[0], describe(item.entry, schema), item.origins, item.reason)
        for item in left_out
    ]


def _wanted(change: Change) -> Entry | None:
    return None if change.operation is Operation.DELETE else change.entry
