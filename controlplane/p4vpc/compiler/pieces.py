# SPDX-License-Identifier: Apache-2.0
"""Putting entries together: the same identity once, with all its origins, never with two meanings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from p4vpc.compiler.entries import DesiredEntry, Entry, Identity, Origin
from p4vpc.errors import InternalError

Emitted: TypeAlias = Iterator[tuple[Entry, Origin]]
"""What a stage yields: an entry and one object that it comes from; an entry may come several times."""

Piece: TypeAlias = Mapping[Identity, DesiredEntry]
"""A part of a switch's entries that depends on part of the model only."""


def collect(emitted: Iterable[tuple[Entry, Origin]]) -> Piece:
    """Return a piece of what stages have yielded. InternalError names both origins of a contradiction."""
    entries: dict[Identity, tuple[Entry, set[Origin]]] = {}
    for entry, origin in emitted:
        identity = entry.identity
        known = entries.get(identity)
        if known is None:
            entries[identity] = (entry, {origin})
            continue
        if known[0] != entry:
            raise contradiction(DesiredEntry(known[0], tuple(sorted(known[1]))), DesiredEntry(entry, (origin,)))
        known[1].add(origin)
    return {identity: DesiredEntry(entry, tuple(sorted(origins))) for identity, (entry, origins) in entries.items()}


def merge(pieces: Iterable[Piece]) -> Piece:
    """Return all pieces as one, sorted by identity. InternalError names both origins of a contradiction."""
    merged: dict[Identity, DesiredEntry] = {}
    for piece in pieces:
        for identity, desired in piece.items():
            known = merged.get(identity)
            if known is None:
                merged[identity] = desired
            elif known.entry != desired.entry:
                raise contradiction(known, desired)
            else:
                origins = tuple(sorted({*known.origins, *desired.origins}))
                merged[identity] = DesiredEntry(known.entry, origins)
    return {identity: merged[identity] for identity in sorted(merged)}


def contradiction(first: DesiredEntry, second: DesiredEntry) -> InternalError:
    """Return the error that names both origins."""
    names = [", ".join(map(str, desired.origins)) for desired in (first, second)]
    return InternalError(f"{names[0]} and {names[1]} want different entries: {first.entry} and {second.entry}")
