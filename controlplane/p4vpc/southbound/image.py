# SPDX-License-Identifier: Apache-2.0
"""What a switch holds, as far as its agent knows: read once in each session, then kept up with what is written.

A settled switch holds what is desired of it, so nothing is kept for it but that: the desired state itself, which its
neighbours and the state before share most of, and what differs from it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from p4vpc.compiler.entries import DesiredEntry, Entry, Identity, table_of
from p4vpc.reconcile import Change, Operation
from p4vpc.reconcile.planner import members_of


class Image(Mapping[Identity, Entry]):
    """The entries of one switch.

    Attributes:
        is_stale: it has told us something that contradicts it.
        sizes: how many entries each table holds.
        members: how many members the action sets of each table have.
    """

    def __init__(self, entries: Mapping[Identity, Entry]):
        self.is_stale = False
        self.sizes: Counter[str] = Counter(identity[0] for identity in entries)
        self.members: Counter[str] = Counter()
        for identity, entry in entries.items():
            if number := members_of(entry):
                self.members[identity[0]] += number
        self._base: Mapping[Identity, DesiredEntry] = {}
        self._other: dict[Identity, Entry | None] = dict(entries)
        self._written: list[list[Entry]] = []
        self._length = len(entries)

    def __getitem__(self, identity: Identity) -> Entry:
        entry = self._found(identity)
        if entry is None:
            raise KeyError(identity)
        return entry

    def __contains__(self, identity: object) -> bool:
        return self._found(identity) is not None  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Identity]:
        self._take_written()
        other = self._other
        return chain(
            (identity for identity in self._base if identity not in other),
            (identity for identity, entry in other.items() if entry is not None),
        )

    def _found(self, identity: Identity) -> Entry | None:
        self._take_written()
        if identity in self._other:
            return self._other[identity]
        item = self._base.get(identity)
        return None if item is None else item.entry

    def written(self, changes: Iterable[Change]) -> None:
        """The switch has done all of these, which have come from a plan: an insert is of what was not there."""
        put: list[Entry] = []
        for operation, entry, _ in changes:
            table = table_of(entry)
            if sign := _SIGNS[operation]:
                self._length += sign
                self.sizes[table] += sign
            if number := 0 if operation is Operation.DELETE else members_of(entry):
                self.members[table] += number
            if operation is not Operation.INSERT and self.members[table]:
                before = self._found(entry.identity)
                self.members[table] -= 0 if before is None else members_of(before)
            if operation is Operation.DELETE:
                self._take_written()
                self._other[entry.identity] = None
            else:
                put.append(entry)
        self._written.append(put)

    def _take_written(self) -> None:
        if self._written:
            written, self._written = self._written, []
            for entry in chain.from_iterable(written):
                self._other[entry.identity] = entry

    def settled(self, desired: Mapping[Identity, DesiredEntry]) -> None:
        """All is as desired: from now on only what differs from that is kept beside it."""
        self._take_written()
        if len(desired) == self._length and all(_is(desired.get(it), entry) for it, entry in self._other.items()):
            self._base = desired
            self._other = {}

    def put(self, entry: Entry) -> None:
        """The switch holds this entry now."""
        self.correct(entry.identity, entry)

    def drop(self, identity: Identity) -> None:
        """The switch holds no such entry any more."""
        self.correct(identity, None)

    def correct(self, identity: Identity, have: Entry | None) -> None:
        """The switch holds this, or nothing, under the identity: it has been asked."""
        before = self._found(identity)
        for entry, sign in ((before, -1), (have, 1)):
            if entry is not None:
                self._length += sign
                self.sizes[identity[0]] += sign
                if number := members_of(entry):
                    self.members[identity[0]] += sign * number
        self._other[identity] = have


_SIGNS: Mapping[Operation, int] = {Operation.INSERT: 1, Operation.MODIFY: 0, Operation.DELETE: -1}


def _is(item: DesiredEntry | None, entry: Entry | None) -> bool:
    """Whether this entry, or none, is the desired one."""
    return entry is None if item is None else item.entry is entry or item.entry == entry
