# SPDX-License-Identifier: Apache-2.0
"""Numbers that objects need on the wire and in tables, apart from how they are allocated.

The model says which numbers are needed (`Claim`), the store allocates them durably, the model is built with the
result (`Identifiers`). A pool is a name; its bounds travel with the claim, so the store knows nothing of bit widths.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class ClaimId(NamedTuple):
    """Which number of which owner: ``ClaimId("vni", "red/prod/web")``."""

    pool: str
    owner: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A number that somebody needs.

    Attributes:
        id: pool and owner; the owner holds at most one number of a pool.
        low: smallest number that will do.
        high: largest number that will do.
        object: the intent object to name if there is none left: ``subnet red/prod/web``.
        field: the field of it that needs the number; empty if it is the object as such.
    """

    id: ClaimId
    low: int
    high: int
    object: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class IdentifierPlan:
    """What a commit does to identifiers.

    Attributes:
        allocate: claims that hold no number yet.
        retire: claims that nobody has any more. Their numbers stay taken until `Store.release_retired`.
    """

    allocate: tuple[Claim, ...] = ()
    retire: tuple[ClaimId, ...] = ()


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Every number in use: claim -> number. Retired numbers are not in it."""

    numbers: Mapping[ClaimId, int] = field(default_factory=lambda: MappingProxyType({}))

    def get(self, pool: str, owner: str) -> int | None:
        """Return the number that `owner` holds of `pool`, None if it holds none."""
        return self.numbers.get(ClaimId(pool, owner))
