# SPDX-License-Identifier: Apache-2.0
"""Identifiers in the database: allocated, retired, released.

A number goes allocated -> retired -> released. While it is retired, some switch may still hold entries with it, so
nobody but its last owner gets it. Numbers are handed out upwards from the highest one taken, so that even a released
number rests as long as possible; only when the top is reached are the gaps used.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from p4vpc.errors import ExhaustedError, Problem
from p4vpc.intent import Claim, ClaimId, IdentifierPlan, Identifiers
from p4vpc.store.schema import identifier_changes, identifiers

_ROWS_PER_QUERY = 400

# Statements of every commit are made once.
_IS_OF_POOL = identifiers.c.pool == bindparam("of_pool")
_HIGHEST = select(func.max(identifiers.c.number)).where(_IS_OF_POOL)
_HELD = select(identifiers.c.owner, identifiers.c.number, identifiers.c.retired).where(
    _IS_OF_POOL, identifiers.c.owner.in_(bindparam("owners", expanding=True))
)
_RETIRE = (
    update(identifiers)
    .where(_IS_OF_POOL, identifiers.c.owner == bindparam("of_owner"), identifiers.c.retired.is_(None))
    .values(retired=bindparam("by"))
)
_INSERT, _INSERT_CHANGE = insert(identifiers), insert(identifier_changes)


def read_identifiers(connection: Connection) -> Identifiers:
    """Return all numbers in use."""
    table = identifiers.c
    rows = connection.execute(select(table.pool, table.owner, table.number).where(table.retired.is_(None)))
    return Identifiers({ClaimId(pool, owner): number for pool, owner, number in rows})


def apply_plan(connection: Connection, plan: IdentifierPlan, revision: int) -> Mapping[ClaimId, int]:
    """Retire and allocate; return what the claims got. ExhaustedError names every object that got no number."""
    for claim_id in plan.retire:
        of = {"of_pool": claim_id.pool, "of_owner": claim_id.owner, "by": revision}
        connection.execute(_RETIRE, of)
    pools: dict[str, list[Claim]] = defaultdict(list)
    for claim in plan.allocate:
        pools[claim.id.pool].append(claim)
    allocated: dict[ClaimId, int] = {}
    problems: list[Problem] = []
    for pool in sorted(pools):
        claims = sorted(pools[pool], key=lambda claim: claim.id.owner)
        problems += _allocate(connection, pool, claims, revision, allocated)
    if problems:
        raise ExhaustedError(problems)
    _keep_changes(connection, {**dict.fromkeys(plan.retire), **allocated}, revision)
    return allocated


def changes_since(connection: Connection, revision: int) -> Mapping[ClaimId, int | None]:
    """Return the numbers that differ from those at `revision`; None: it has none any more."""
    table = identifier_changes.c
    query = select(identifier_changes).where(table.revision > revision).order_by(table.revision)
    return {ClaimId(row.pool, row.owner): row.number for row in connection.execute(query)}


def _keep_changes(connection: Connection, numbers: Mapping[ClaimId, int | None], revision: int) -> None:
    """Keep what a commit has changed, for those who follow: a number that is released leaves no other trace."""
    rows = [
        {"revision": revision, "pool": claim_id.pool, "owner": claim_id.owner, "number": number}
        for claim_id, number in numbers.items()
    ]
    if rows:
        connection.execute(_INSERT_CHANGE, rows)


def release(connection: Connection, realised: int) -> int:
    """Free what was retired at or before revision `realised`; return how many numbers."""
    return connection.execute(delete(identifiers).where(identifiers.c.retired <= realised)).rowcount


def _allocate(
    connection: Connection, pool: str, claims: list[Claim], revision: int, allocated: dict[ClaimId, int]
) -> Iterator[Problem]:
    table = identifiers.c
    free = _FreeNumbers(connection, pool)
    rows = []
    held = _held(connection, pool, [claim.id.owner for claim in claims])
    for claim in claims:
        fitting = [row for row in held.get(claim.id.owner, ()) if claim.low <= row[0] <= claim.high]
        if fitting:
            number, is_retired = min(fitting, key=lambda row: (row[1], row[0]))
            allocated[claim.id] = number
            if is_retired:
                where = (table.pool == pool, table.number == number)
                connection.execute(update(identifiers).where(*where).values(retired=None))
            continue
        taken = free.take(claim.low, claim.high)
        if taken is None:
            yield Problem(
                claim.object,
                claim.field,
                f"there is no {pool} left from {claim.low} to {claim.high}",
                "delete what is not needed; numbers come back when all switches have forgotten them",
            )
        else:
            allocated[claim.id] = taken
            rows.append(
                {"pool": pool, "number": taken, "owner": claim.id.owner, "allocated": revision, "retired": None}
            )
    if rows:
        connection.execute(_INSERT, rows)


def _held(connection: Connection, pool: str, owners: list[str]) -> dict[str, list[tuple[int, bool]]]:
    """Return (number, whether it is retired) for each of the owners that has or had some."""
    found: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for start in range(0, len(owners), _ROWS_PER_QUERY):
        some = {"of_pool": pool, "owners": owners[start : start + _ROWS_PER_QUERY]}
        for row in connection.execute(_HELD, some):
            found[row.owner].append((row.number, row.retired is not None))
    return found


class _FreeNumbers:
    """The free numbers of one pool, within one transaction."""

    def __init__(self, connection: Connection, pool: str):
        self._connection = connection
        self._pool = pool
        highest: int | None = connection.execute(_HIGHEST, {"of_pool": pool}).scalar()
        self._next = (highest or 0) + 1
        self._given: set[int] = set()
        self._stored: set[int] | None = None
        self._searched: dict[int, int] = {}

    def take(self, low: int, high: int) -> int | None:
        """Return a free number of the range and take it; None if there is none."""
        above = max(low, self._next)
        number = above if above <= high else self._gap(low, high)
        if number is not None:
            self._next = max(self._next, number + 1)
            self._given.add(number)
        return number

    def _gap(self, low: int, high: int) -> int | None:
        if self._stored is None:
            query = select(identifiers.c.number).where(identifiers.c.pool == self._pool)
            self._stored = set(self._connection.execute(query).scalars())
        for candidate in range(self._searched.get(low, low), high + 1):
            if candidate not in self._stored and candidate not in self._given:
                self._searched[low] = candidate + 1
                return candidate
        return None
