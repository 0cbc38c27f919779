# SPDX-License-Identifier: Apache-2.0
"""Identifiers in the database: allocated, retired, released.

A number goes allocated -> retired -> released. While it is retired, some switch may still hold entries with it, so
nobody but its last owner gets it. Numbers are handed out upwards from the highest one taken, so that even a released
number rests as long as possible; only when the top is reached are the gaps used.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, delete, func, insert, select, update

from p4vpc.errors import ExhaustedError, Problem
from p4vpc.intent import Claim, ClaimId, IdentifierPlan, Identifiers
from p4vpc.store.schema import identifiers


def read_identifiers(connection: Connection) -> Identifiers:
    """Return all numbers in use."""
    table = identifiers.c
    rows = connection.execute(select(table.pool, table.owner, table.number).where(table.retired.is_(None)))
    return Identifiers({ClaimId(pool, owner): number for pool, owner, number in rows})


def apply_plan(connection: Connection, plan: IdentifierPlan, revision: int) -> None:
    """Retire and allocate. ExhaustedError names every object that got no number."""
    table = identifiers.c
    for claim_id in plan.retire:
        connection.execute(
            update(identifiers)
            .where(table.pool == claim_id.pool, table.owner == claim_id.owner, table.retired.is_(None))
            .values(retired=revision)
        )
    pools: dict[str, list[Claim]] = defaultdict(list)
    for claim in plan.allocate:
        pools[claim.id.pool].append(claim)
    problems: list[Problem] = []
    for pool in sorted(pools):
        problems += _allocate(connection, pool, sorted(pools[pool], key=lambda claim: claim.id.owner), revision)
    if problems:
        raise ExhaustedError(problems)


def release(connection: Connection, realised: int) -> int:
    """Free what was retired at or before revision `realised`; return how many numbers."""
    return connection.execute(delete(identifiers).where(identifiers.c.retired <= realised)).rowcount


def _allocate(connection: Connection, pool: str, claims: list[Claim], revision: int) -> Iterator[Problem]:
    table = identifiers.c
    free = _FreeNumbers(connection, pool)
    rows = []
    for claim in claims:
        held = connection.execute(
            select(table.number, table.retired).where(
                table.pool == pool, table.owner == claim.id.owner, table.number.between(claim.low, claim.high)
            )
        ).first()
        if held is not None:
            if held.retired is not None:
                where = (table.pool == pool, table.number == held.number)
                connection.execute(update(identifiers).where(*where).values(retired=None))
            continue
        number = free.take(claim.low, claim.high)
        if number is None:
            yield Problem(
                claim.object,
                "",
                f"there is no {pool} left from {claim.low} to {claim.high}",
                "delete what is not needed; numbers come back when all switches have forgotten them",
            )
        else:
            rows.append(
                {"pool": pool, "number": number, "owner": claim.id.owner, "allocated": revision, "retired": None}
            )
    if rows:
        connection.execute(insert(identifiers), rows)


class _FreeNumbers:
    """The free numbers of one pool, within one transaction."""

    def __init__(self, connection: Connection, pool: str):
        self._connection = connection
        self._pool = pool
        top = select(func.max(identifiers.c.number)).where(identifiers.c.pool == pool)
        self._next: int = connection.execute(top).scalar() or 0
        self._next += 1
        self._taken: set[int] | None = None

    def take(self, low: int, high: int) -> int | None:
        """Return a free number of the range and take it; None if there is none."""
        number = max(low, self._next)
        if number <= high:
            self._next = number + 1
            if self._taken is not None:
                self._taken.add(number)
            return number
        taken = self._known()
        gap = next((candidate for candidate in range(low, high + 1) if candidate not in taken), None)
        if gap is not None:
            taken.add(gap)
        return gap

    def _known(self) -> set[int]:
        if self._taken is None:
            numbers: Iterable[int] = self._connection.execute(
                select(identifiers.c.number).where(identifiers.c.pool == self._pool)
            ).scalars()
            self._taken = set(numbers)
        return self._taken
