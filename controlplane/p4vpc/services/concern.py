# SPDX-License-Identifier: Apache-2.0
"""Whose switches and whose failures count for a tenant that waits: its own, not those of the whole fabric."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Self

from p4vpc.intent import Port, SwitchAttachment
from p4vpc.model import Model
from p4vpc.services.access import tenant_of
from p4vpc.services.intents import Edit
from p4vpc.southbound import SwitchProblem


@dataclass(frozen=True, slots=True)
class Concern:
    """What a tenant waits for.

    Attributes:
        tenant: who waits.
        vpcs: keys of the VPCs that it is about; None: all of the tenant's.
        places: switches where ports of these were before.
    """

    tenant: str
    vpcs: Set[str] | None = None
    places: Set[str] = frozenset()

    @classmethod
    def of(cls, tenant: str, edits: Iterable[Edit]) -> Self:
        """What a tenant's own commit is about."""
        vpcs: set[str] = set()
        places: set[str] = set()
        is_all = False
        for edit in edits:
            parts = edit.id.key.split("/")
            is_in_vpc = edit.id.kind == "vpc" or len(parts) > 2
            is_all |= not is_in_vpc
            vpcs.add("/".join(parts[:2]))
            if isinstance(edit.before, Port):
                known = (edit.before.attachment, *edit.before.candidates)
                places.update(it.switch for it in known if isinstance(it, SwitchAttachment))
        return cls(tenant, None if is_all else vpcs, places)

    def switches(self, model: Model) -> Set[str]:
        """The switches that show something of these VPCs, or have just ceased to."""
        prefix = f"{self.tenant}/"
        keys = (key for key in model.vpcs if key.startswith(prefix)) if self.vpcs is None else self.vpcs
        known = (model.vpcs[key] for key in keys if key in model.vpcs)
        return set(self.places).union(*((*vpc.switches, *vpc.candidate_switches) for vpc in known))

    def is_about(self, problem: SwitchProblem) -> bool:
        """Whether something of the tenant's is missing at a switch."""
        return any(tenant_of(origin) == self.tenant for origin in problem.origins)
