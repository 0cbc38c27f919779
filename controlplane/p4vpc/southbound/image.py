# SPDX-License-Identifier: Apache-2.0
"""What a switch holds, as far as its agent knows: read once in each session, then kept up with what is written."""

from collections import Counter
from dataclasses import dataclass, field

from p4vpc.compiler.entries import Entry, Identity


@dataclass(slots=True)
class Image:
    """The entries of one switch.

    Attributes:
        is_stale: it has told us something that contradicts it.
        sizes: how many entries each table holds.
    """

    entries: dict[Identity, Entry]
    is_stale: bool = False
    sizes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.sizes = Counter(identity[0] for identity in self.entries)

    def put(self, entry: Entry) -> None:
        """The switch holds this entry now."""
        if entry.identity not in self.entries:
            self.sizes[entry.identity[0]] += 1
        self.entries[entry.identity] = entry

    def drop(self, identity: Identity) -> None:
        """The switch holds no such entry any more."""
        if self.entries.pop(identity, None) is not None:
            self.sizes[identity[0]] -= 1

    def correct(self, identity: Identity, have: Entry | None) -> None:
        """The switch holds this, or nothing, under the identity: it has been asked."""
        if have is None:
            self.drop(identity)
        else:
            self.put(have)
