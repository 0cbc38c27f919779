# SPDX-License-Identifier: Apache-2.0
"""One switch's entries, indexed by origin: what one object has asked for can be taken out again.

An entry may be asked for several times, by several objects and by one of them more than once; it goes when nobody asks
for it any more (docs/adr/0019).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType

from p4vpc.compiler.entries import DesiredEntry, Identity, Origin
from p4vpc.compiler.pieces import contradiction
from p4vpc.compiler.shared import Row
from p4vpc.errors import InternalError
from p4vpc.persistent import PersistentMap


@dataclass(frozen=True, slots=True)
class Tally:
    """Entries with their origins, and how often.

    Attributes:
        entries: what the switch shall hold.
        again: how often more than once an object asks for an entry, where it does.
    """

    entries: PersistentMap[Identity, DesiredEntry] = field(default_factory=PersistentMap)
    again: Mapping[tuple[Identity, Origin], int] = field(default_factory=dict)


def tally(rows: Iterable[Row], items: Mapping[int, tuple[Identity, DesiredEntry]]) -> Tally:
    """Return what the rows ask for, with the `items` that have been made of some of them (`Shared`).

    InternalError names both origins of a contradiction.
    """
    entries: dict[Identity, DesiredEntry] = {}
    again: dict[tuple[Identity, Origin], int] = {}
    for row in rows:
        entry, origin = row
        made = items.get(id(row))
        identity, item = made if made is not None else (entry.identity, None)
        known = entries.get(identity)
        if known is None:
            entries[identity] = item or DesiredEntry(entry, (origin,))
        elif known.entry != entry:
            raise contradiction(known, DesiredEntry(entry, (origin,)))
        elif origin in known.origins:
            again[identity, origin] = again.get((identity, origin), 0) + 1
        else:
            entries[identity] = DesiredEntry(known.entry, tuple(sorted((*known.origins, origin))))
    return Tally(PersistentMap(entries), again)


def change(
    before: Tally,
    removed: Iterable[Row],
    added: Iterable[Row],
    items: Mapping[int, tuple[Identity, DesiredEntry]] = MappingProxyType({}),
) -> tuple[Tally, Set[Identity]]:
    """Return what is left when some rows are withdrawn and others come, and the identities that differ.

    `items` are as for `tally`.

    InternalError: a contradiction, or a row is withdrawn that is not there.
    """
    concerned: defaultdict[Identity, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for row in removed:
        concerned[row[0].identity][0].append(row)
    for row in added:
        concerned[row[0].identity][1].append(row)
    puts: dict[Identity, DesiredEntry] = {}
    deletes: list[Identity] = []
    again: dict[tuple[Identity, Origin], int] | None = None
    for identity, (fewer, more) in concerned.items():
        if fewer == more:
            continue
        known = before.entries.get(identity)
        if known is not None and len(fewer) == 1 == len(more) and _is_only(known, fewer[0], before):
            made = items.get(id(more[0]))
            puts[identity] = made[1] if made is not None else DesiredEntry(more[0][0], (more[0][1],))
            continue
        counts = _counts(before, identity, known)
        after = _recount(known, counts, fewer, more)
        for origin in {origin for _, origin in (*fewer, *more)}:
            extra = counts.get(origin, 0) - 1
            if extra > 0 or (identity, origin) in before.again:
                again = dict(before.again) if again is None else again
                again.pop((identity, origin), None)
                if extra > 0:
                    again[identity, origin] = extra
        if after is None:
            if known is not None:
                deletes.append(identity)
        elif after != known:
            puts[identity] = after
    entries = before.entries.after(puts, deletes, is_exact=True) if puts or deletes else before.entries
    return Tally(entries, before.again if again is None else again), {*puts, *deletes}


def _is_only(known: DesiredEntry, row: Row, before: Tally) -> bool:
    """Whether the row is all that an entry comes from."""
    entry, origin = row
    return known.origins == (origin,) and known.entry == entry and (entry.identity, origin) not in before.again


def _counts(before: Tally, identity: Identity, known: DesiredEntry | None) -> dict[Origin, int]:
    origins = known.origins if known is not None else ()
    return {origin: 1 + before.again.get((identity, origin), 0) for origin in origins}


def _recount(
    known: DesiredEntry | None, counts: dict[Origin, int], fewer: Iterable[Row], more: Iterable[Row]
) -> DesiredEntry | None:
    """Bring `counts` up to date; return what they stand for, None if for nothing."""
    entry = known.entry if known is not None else None
    for withdrawn, origin in fewer:
        if withdrawn != entry or origin not in counts:
            raise InternalError(f"{origin} withdraws what it has not asked for: {withdrawn}")
        counts[origin] -= 1
        if not counts[origin]:
            del counts[origin]
    for wanted, origin in more:
        if counts and entry is not None and wanted != entry:
            raise contradiction(DesiredEntry(entry, tuple(sorted(counts))), DesiredEntry(wanted, (origin,)))
        entry = wanted
        counts[origin] = counts.get(origin, 0) + 1
    return DesiredEntry(entry, tuple(sorted(counts))) if counts and entry is not None else None
