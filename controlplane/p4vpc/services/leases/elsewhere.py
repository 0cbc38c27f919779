# SPDX-License-Identifier: Apache-2.0
"""What other controllers tell of themselves and of their switches, as far as we have read it.

Each controller reports its last compiled revision and, in the same transaction, the status of whichever of its switches
has changed. So a switch that has settled all that it was told is as far as its owner is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from p4vpc.intent import ObjectId
from p4vpc.southbound import PipelineState, PortStates, SwitchProblem, SwitchState, SwitchStatus
from p4vpc.store import LeaseTable, Member, Report


class Elsewhere:
    """Other controllers, and the switches that they own.

    Args:
        name: of this controller, whose own are left out.
    """

    def __init__(self, name: str):
        self._name = name
        self.table = LeaseTable({}, {})
        self.serial = 0
        self._told: dict[str, SwitchStatus] = {}
        self._teller: dict[str, str] = {}

    def take(self, table: LeaseTable, reports: Sequence[Report] = ()) -> None:
        """Take notice of what was read."""
        self.table = table
        for report in reports:
            self.serial = max(self.serial, report.serial)
            self._told[report.switch] = status_of(report.body)
            self._teller[report.switch] = report.controller

    def forget(self, switch: str) -> None:
        """The switch is no more."""
        self._told.pop(switch, None)

    @property
    def others(self) -> Mapping[str, Member]:
        """The other controllers that are live, by name."""
        return {name: member for name, member in self.table.members.items() if member.is_live and name != self._name}

    def owner(self, switch: str) -> str | None:
        """The name of who owns a switch, be it us; None: nobody, as far as we know."""
        lease = self.table.leases.get(switch)
        return None if lease is None else lease.owner

    def epoch(self, switch: str) -> int:
        """The owner's epoch; 0 if it has never had one."""
        lease = self.table.leases.get(switch)
        return 0 if lease is None else lease.epoch

    def has_live_owner(self, switch: str) -> bool:
        """Whether another controller takes care of a switch."""
        return (self.owner(switch) or "") in self.others

    def status(self, switch: str) -> SwitchStatus | None:
        """A switch of another's as that one tells it; None if nobody has told."""
        told = self._told.get(switch)
        if told is None:
            return None
        owner = self.table.members.get(self.owner(switch) or "")
        if owner is None or not owner.is_live:
            return replace(told, state=SwitchState.DISCONNECTED, error="its controller has gone")
        if self._teller[switch] != owner.name:
            return replace(told, state=SwitchState.SYNCHRONISING)
        return _as_far_as(told, owner.revision)

    def down_links(self) -> frozenset[ObjectId]:
        """Links that other controllers have evidence against."""
        return frozenset(ObjectId("link", key) for member in self.others.values() for key in member.down_links)


def body_of(status: SwitchStatus) -> str:
    """A status as a report has it."""
    return json.dumps(asdict(status), ensure_ascii=False, separators=(",", ":"))


def status_of(body: str) -> SwitchStatus:
    """What `body_of` was given; fields that a newer controller adds are ignored."""
    found: dict[str, Any] = {name: value for name, value in json.loads(body).items() if name in _FIELDS}
    problems = tuple(
        SwitchProblem(it["table"], it["entry"], tuple(ObjectId(kind, key) for kind, key in it["origins"]), it["reason"])
        for it in found.pop("problems")
    )
    return SwitchStatus(
        **{
            **found,
            "state": SwitchState(found["state"]),
            "pipeline": PipelineState(found["pipeline"]),
            "port_states": PortStates(found["port_states"]),
            "problems": problems,
        }
    )


_FIELDS = frozenset(SwitchStatus.__dataclass_fields__)


def _as_far_as(status: SwitchStatus, revision: int) -> SwitchStatus:
    """The status at a revision that nothing between its own and that one concerned."""

    def reached(own: int) -> int:
        return max(own, revision) if own >= status.desired_revision else own

    return replace(
        status,
        desired_revision=reached(status.desired_revision),
        settled_revision=reached(status.settled_revision),
        realised_revision=reached(status.realised_revision),
    )
