# SPDX-License-Identifier: Apache-2.0
"""What a switch holds, as far as its agent knows: read once in each session, then kept up with what is written."""

from collections import Counter
from dataclasses import dataclass, field

from p4vpc.compiler.entries import Entry, Identity
from p4vpc.reconcile.planner import members_of


@dataclass(slots=True)
class Image:
    """The entries of one switch.

    Attributes:
        is_stale: it has told us something that contradicts it.
        sizes: how many entries each table holds.
        members: how many members the action sets of each table have.
    """

    entries: dict[Identity, Entry]
    is_stale: bool = False
    sizes: Counter[str] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for identity, entry in self.entries.items():
            self._count(identity[0], entry, 1)

    def _count(self, table: str, entry: Entry, sign: int) -> None:
        self.sizes[table] += sign
        if number := members_of(entry):
            self.members[table] += sign * number

    def put(self, entry: Entry) -> None:
        """The switch holds this entry now."""
        identity = entry.identity
        before = self.entries.get(identity)
        if before is not None:
            self._count(identity[0], before, -1)
        self._count(identity[0], entry, 1)
        self.entries[identity] = entry

    def drop(self, identity: Identity) -> None:
        """The switch holds no such entry any more."""
        entry = self.entries.pop(identity, None)
        if entry is not None:
            self._count(identity[0], entry, -1)

    def correct(self, identity: Identity, have: Entry | None) -> None:
        """The switch holds this, or nothing, under the identity: it has been asked."""
        if have is None:
            self.drop(identity)
        else:
            self.put(have)
