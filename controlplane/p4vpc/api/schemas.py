# SPDX-License-Identifier: Apache-2.0
"""What the API answers, apart from the objects themselves."""

from collections import Counter as Tally
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel

from p4vpc.compiler.entries import Origin
from p4vpc.intent import ObjectId
from p4vpc.services import (
    Applied,
    ControllerStatus,
    Counter,
    Edit,
    Operation,
    Outcome,
    Principal,
    Realised,
    RealisedState,
)
from p4vpc.services.links import LinkState, LinkStatus
from p4vpc.services.samples import Sample, SampledRule
from p4vpc.southbound import PipelineState, PortStates, SwitchProblem, SwitchState, SwitchStatus


class ObjectRef(BaseModel):
    """An intent object by name."""

    kind: str
    key: str

    @classmethod
    def of(cls, origin: Origin) -> Self:
        return cls(kind=origin.kind, key=origin.key)


class ObjectChange(BaseModel):
    """One object's difference, before and after; `allocated`: fields of `after` that its author has not given."""

    operation: Operation
    kind: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    allocated: list[str]

    @classmethod
    def of(cls, caller: Principal, edit: Edit) -> Self:
        return cls(
            operation=edit.operation,
            kind=edit.id.kind,
            key=edit.id.key,
            before=caller.document(edit.before) if edit.before else None,
            after=caller.document(edit.after) if edit.after else None,
            allocated=list(edit.allocated),
        )


class ApplyResult(BaseModel):
    """What a change did, or would do."""

    revision: int
    is_dry_run: bool
    outcome: Outcome | None
    changes: list[ObjectChange]

    @classmethod
    def of(cls, caller: Principal, applied: Applied, outcome: Outcome | None, *, is_dry_run: bool) -> Self:
        changes = [ObjectChange.of(caller, edit) for edit in applied.edits]
        return cls(revision=applied.revision, is_dry_run=is_dry_run, outcome=outcome, changes=changes)


class ObjectsModel(BaseModel):
    """A page of objects of one kind; `next` is the cursor of the page after it, null if there is none."""

    revision: int
    items: list[dict[str, Any]]
    next: str | None


class VpcSnapshotModel(BaseModel):
    """A VPC and all that was in it at a revision, as `apply` takes them."""

    revision: int
    objects: list[dict[str, Any]]


class CommitEvent(BaseModel):
    """One commit, as a watcher is told."""

    revision: int
    changes: list[ObjectChange]


class AuditItem(BaseModel):
    """One commit: who made it, when, what it changed."""

    revision: int
    time: str
    who: str
    summary: str
    changes: list[ObjectChange]


class AuditModel(BaseModel):
    """A page of the audit log; `next` is the cursor of the page after it, null if there is none."""

    items: list[AuditItem]
    next: str | None


class IdentifierModel(BaseModel):
    """A number and the object that it stands for: the VNI of a subnet, the tunnel of a VTEP."""

    pool: str
    owner: str
    number: int


class IdentifiersModel(BaseModel):
    """Numbers in use at a revision."""

    revision: int
    identifiers: list[IdentifierModel]


class SwitchProblemModel(BaseModel):
    """Something that a switch cannot hold, with the objects that ask for it."""

    table: str
    entry: str
    origins: list[ObjectRef]
    reason: str

    @classmethod
    def of(cls, problem: SwitchProblem) -> Self:
        origins = [ObjectRef.of(origin) for origin in problem.origins]
        return cls(table=problem.table, entry=problem.entry, origins=origins, reason=problem.reason)


class SwitchModel(BaseModel):
    """One switch. `controller` is the name of the one that owns it, by which `epoch`; empty if there is only one."""

    name: str
    address: str
    state: SwitchState
    is_connected: bool
    is_realised: bool
    pipeline: PipelineState
    desired_revision: int
    realised_revision: int
    entries: int
    updates_written: int
    updates_refused: int
    connections: int
    packets_in: int
    rounds_inspected: int
    entries_drifted: int
    problems: list[SwitchProblemModel]
    port_states: PortStates
    error: str
    controller: str
    epoch: int

    @classmethod
    def of(cls, status: SwitchStatus, controller: str, epoch: int) -> Self:
        return cls(
            name=status.name,
            address=status.address,
            state=status.state,
            is_connected=status.is_connected,
            is_realised=status.has_realised(status.desired_revision) and status.desired_revision > 0,
            pipeline=status.pipeline,
            desired_revision=status.desired_revision,
            realised_revision=status.realised_revision,
            entries=status.entries,
            updates_written=status.updates_written,
            updates_refused=status.updates_refused,
            connections=status.connections,
            packets_in=status.packets_in,
            rounds_inspected=status.rounds_inspected,
            entries_drifted=status.entries_drifted,
            problems=[SwitchProblemModel.of(problem) for problem in status.problems],
            port_states=status.port_states,
            error=status.error,
            controller=controller,
            epoch=epoch,
        )

    @classmethod
    def all_of(cls, status: ControllerStatus) -> list[Self]:
        return [cls.of(switch, *status.owners.get(switch.name, ("", 0))) for switch in status.switches]


class ObjectAtSwitch(BaseModel):
    """One object at one switch that it concerns."""

    name: str
    state: SwitchState
    is_realised: bool
    entries: int
    desired_revision: int
    settled_revision: int
    problems: list[SwitchProblemModel]
    error: str


class ObjectStatus(BaseModel):
    """Whether the switches show an object, and where not, why."""

    kind: str
    key: str
    revision: int
    state: RealisedState
    error: str
    switches: list[ObjectAtSwitch]

    @classmethod
    def of(cls, caller: Principal, object_id: ObjectId, revision: int, found: Realised) -> Self:
        is_told = caller.is_operator
        error = found.error if is_told or not found.error else "the last revision cannot be realised; ask the operator"
        if not is_told and found.state is RealisedState.REFUSED and not error:
            error = "a switch cannot hold it; ask the operator"
        return cls(
            kind=object_id.kind,
            key=object_id.key,
            revision=revision,
            state=found.state,
            error=error,
            switches=[
                ObjectAtSwitch(
                    name=at.switch.name,
                    state=at.switch.state,
                    is_realised=at.is_realised,
                    entries=at.entries,
                    desired_revision=at.switch.desired_revision,
                    settled_revision=at.switch.settled_revision,
                    problems=[SwitchProblemModel.of(problem) for problem in at.problems],
                    error=at.switch.error,
                )
                for at in found.switches
                if is_told
            ],
        )


class LinkModel(BaseModel):
    """One link of the fabric."""

    name: str
    a: str
    b: str
    state: LinkState
    is_down: bool
    detail: str
    flaps: int
    is_heard: bool
    is_avoided: bool

    @classmethod
    def of(cls, link: LinkStatus) -> Self:
        return cls(
            name=link.name,
            a=link.a,
            b=link.b,
            state=link.state,
            is_down=link.is_down,
            detail=link.detail,
            flaps=link.flaps,
            is_heard=link.is_heard,
            is_avoided=link.is_avoided,
        )


class ControllerModel(BaseModel):
    """One of several controllers; `url` is that of its API, `switches` how many it owns."""

    name: str
    url: str
    is_live: bool
    compiled_revision: int
    switches: int

    @classmethod
    def all_of(cls, status: ControllerStatus) -> list[Self]:
        owned = Tally(owner for owner, _ in status.owners.values())
        return [
            cls(
                name=name,
                url=member.url,
                is_live=member.is_live,
                compiled_revision=status.compiled_revision if name == status.name else member.revision,
                switches=owned[name],
            )
            for name, member in sorted(status.controllers.items())
        ]


class StatusModel(BaseModel):
    """The whole as one controller knows it, `controller`: its name, empty if there is only one."""

    revision: int
    compiled_revision: int
    error: str
    outcome: Outcome | None
    switches: list[SwitchModel]
    links: list[LinkModel]
    controller: str
    controllers: list[ControllerModel]


class DropsModel(BaseModel):
    """Packets dropped, by switch and reason."""

    switches: Mapping[str, Mapping[str, int]]
    errors: Mapping[str, str]


class SampledRuleModel(BaseModel):
    """The rule of a network ACL that has logged a packet; `position` in its direction, from 0."""

    acl: ObjectRef
    direction: Literal["inbound", "outbound"]
    position: int
    action: Literal["allow", "deny"]

    @classmethod
    def of(cls, rule: SampledRule) -> Self:
        return cls.model_validate(
            {
                "acl": ObjectRef.of(rule.acl),
                "direction": rule.direction,
                "position": rule.position,
                "action": rule.action,
            }
        )


class DropSampleModel(BaseModel):
    """A packet that a switch has shown. `port` is the switch port; `source` and `destination` are ports of the VPC.

    `length` in bytes, of the frame as it was shown; `frame` in hex, its first 128 bytes.
    """

    number: int
    time: datetime
    switch: str
    port: int
    reason: str
    vpc: str | None
    source: ObjectRef | None
    destination: ObjectRef | None
    rule: SampledRuleModel | None
    source_mac: str
    destination_mac: str
    ether_type: int
    vlan_id: int | None
    source_address: str | None
    destination_address: str | None
    protocol: int | None
    source_port: int | None
    destination_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    length: int
    frame: str

    @classmethod
    def of(cls, sample: Sample) -> Self:
        return cls(
            number=sample.number,
            time=datetime.fromtimestamp(sample.time, UTC),
            switch=sample.switch,
            port=sample.port,
            reason=sample.reason,
            vpc=sample.vpc,
            source=None if sample.source is None else ObjectRef.of(sample.source),
            destination=None if sample.destination is None else ObjectRef.of(sample.destination),
            rule=None if sample.rule is None else SampledRuleModel.of(sample.rule),
            source_mac=str(sample.source_mac),
            destination_mac=str(sample.destination_mac),
            ether_type=sample.ether_type,
            vlan_id=sample.vlan_id,
            source_address=None if sample.source_address is None else str(sample.source_address),
            destination_address=None if sample.destination_address is None else str(sample.destination_address),
            protocol=sample.protocol,
            source_port=sample.source_port,
            destination_port=sample.destination_port,
            icmp_type=sample.icmp_type,
            icmp_code=sample.icmp_code,
            length=sample.length,
            frame=sample.frame.hex(),
        )


class DropSamplesModel(BaseModel):
    """Samples in the order of their numbers, and the number of the last one that there is, asked for or not."""

    last: int
    samples: list[DropSampleModel]


class CounterModel(BaseModel):
    """One entry's counter."""

    switch: str
    table: str
    entry: str
    origins: list[ObjectRef]
    packets: int
    bytes: int

    @classmethod
    def of(cls, counter: Counter) -> Self:
        return cls(
            switch=counter.switch,
            table=counter.table,
            entry=counter.entry,
            origins=[ObjectRef.of(origin) for origin in counter.origins],
            packets=counter.packets,
            bytes=counter.bytes,
        )


class CountersModel(BaseModel):
    """Counters of all switches that answered."""

    counters: list[CounterModel]
    errors: Mapping[str, str]


class ProblemItem(BaseModel):
    """One mistake."""

    object: str
    field: str
    message: str
    remedy: str
    source: str


class ProblemModel(BaseModel):
    """RFC 9457 problem; `problems` lists everything that is wrong."""

    type: str
    title: str
    status: int
    detail: str
    problems: list[ProblemItem]
