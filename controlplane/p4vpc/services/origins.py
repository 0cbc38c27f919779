# SPDX-License-Identifier: Apache-2.0
"""How many entries of a switch come from an object, or from what is within it, without looking at all of them.

A switch's entries are counted when it is first asked about, and from then on only those that have changed since: a
state shares what is the same with the one before (docs/adr/0019). So changes cost nothing for it, and switches that
nobody asks about no memory.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator

from p4vpc.compiler.entries import DesiredEntry, DesiredState, Identity, Origin
from p4vpc.intent import KINDS, ObjectId
from p4vpc.persistent import PersistentMap

_Entries = PersistentMap[Identity, DesiredEntry]


class OriginIndex:
    """Entries of desired states by origin. Safe to be asked from several threads."""

    def __init__(self) -> None:
        self._counted: dict[str, tuple[_Entries, Counter[ObjectId]]] = {}
        self._lock = threading.Lock()

    def count(self, state: DesiredState, object_id: ObjectId) -> int:
        """How many entries of the state come from the object, or from anything in it."""
        entries = state.entries
        if not isinstance(entries, PersistentMap):
            return _counted(entries.values())[object_id]
        with self._lock:
            known = self._counted.get(state.switch)
            if known is None or not entries.is_of_lineage(known[0]):
                counts = _counted(entries.values())
            elif known[0] is entries:
                return known[1][object_id]
            else:
                before, counts = known
                changed = entries.changed_from(before)
                counts.subtract(_counted(before[it] for it in changed if it in before))
                counts.update(_counted(entries[it] for it in changed if it in entries))
                for origin in [it for it, number in counts.items() if not number]:
                    del counts[origin]
            self._counted[state.switch] = (entries, counts)
            return counts[object_id]

    def forget(self, switches: Iterable[str]) -> None:
        """These switches are no more."""
        with self._lock:
            for name in switches:
                self._counted.pop(name, None)


def _counted(items: Iterable[DesiredEntry]) -> Counter[ObjectId]:
    counts: Counter[ObjectId] = Counter()
    for item in items:
        if len(item.origins) == 1:
            counts.update(holders(item.origins[0]))
        else:
            counts.update({holder for origin in item.origins for holder in holders(origin)})
    return counts


def holders(origin: Origin) -> Iterator[ObjectId]:
    """An object, and those that it is in: the VPC and tenant of a port."""
    yield origin
    fields = KINDS[origin.kind].name_fields
    for depth, kind in enumerate(fields[:-1], start=1):
        yield ObjectId(kind, "/".join(origin.key.split("/")[:depth]))
