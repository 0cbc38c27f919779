# SPDX-License-Identifier: Apache-2.0
"""What `POST /v1/trace` takes and answers.

A tenant's answer has no hops, no place, and of the objects only its own; `TraceView` says what is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from p4vpc.api.schemas import ObjectRef
from p4vpc.compiler.entries import ActionCall, TableEntry
from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace
from p4vpc.services import Principal
from p4vpc.services.responder.ethernet import build_frame
from p4vpc.services.trace import DecidingRule, Hop, Lookup, Outcome, Pass, Remark, Report, Traced, Verdict, VerdictKind
from p4vpc.services.trace.passes import name_of
from p4vpc.services.trace.question import Departure
from p4vpc.services.trace.reasons import FABRIC
from p4vpc.services.trace.summary import summary_of
from p4vpc.services.trace.verdict import inside
from p4vpc.services.trace.walk import End, World
from p4vpc.southbound.describe import describe, describe_action, describe_key

MAX_FRAME_BYTES = 9216
FABRIC_REASON = "fabric"
"""What a tenant is told of reasons that are the fabric's."""

_FABRIC_REASONS = {name_of(reason) for reason in FABRIC} | {"link_down", "unplugged"}
_ARRIVED = (VerdictKind.DELIVERED, VerdictKind.ANSWERED, VerdictKind.LEFT)

PortNumber = Annotated[int, Field(strict=True, ge=0, le=0xFFFF)]
Octet = Annotated[int, Field(strict=True, ge=0, le=0xFF)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(max_length=200)]


class PlaceModel(BaseModel):
    """A switch port."""

    model_config = ConfigDict(extra="forbid")

    switch: Text
    port: Annotated[int, Field(strict=True, ge=0, le=509)]


class TraceRequest(BaseModel):
    """A packet, and what to find out about it; docs/architecture.md says what is meant by what is left out."""

    model_config = ConfigDict(extra="forbid")

    source: Text | None = Field(None, description="key of the port that sends: red/prod/web-1")
    destination: Text | None = Field(None, description="an address, or a port of the same VPC by key or name")
    protocol: Text | Octet | None = Field(None, description="tcp, udp, icmp, icmpv6, arp, nd, or a number")
    family: Literal[4, 6] | None = Field(None, description="of the destination's addresses, if it is a port")
    source_port: PortNumber | None = None
    destination_port: PortNumber | None = None
    icmp_type: Octet | None = None
    icmp_code: Octet | None = None
    ttl: Octet = 64
    length: Annotated[int, Field(strict=True, ge=0, le=MAX_FRAME_BYTES)] | None = Field(
        None, description="octets of the IP packet; default: as short as it gets"
    )
    vlan: Annotated[int, Field(strict=True, ge=1, le=4094)] | None = Field(None, description="the tenant's own tag")
    source_address: Text | None = Field(None, description="another one than the port's own")
    source_mac: Text | None = None
    destination_mac: Text | None = None
    frame: Annotated[str, Field(max_length=2 * MAX_FRAME_BYTES)] | None = Field(
        None, description="a whole frame in hex instead of all that, as the switch receives it; for operators"
    )
    at: PlaceModel | None = Field(None, description="where the frame enters, if at no port's place; for operators")
    reply: Flag = Field(False, description="trace the answer too")
    established: Flag = Field(False, description="a packet of the other direction has passed before")
    realised: Flag = Field(False, description="by what switches hold, not what they shall hold; for operators")
    detailed: Flag = Field(False, description="with every step of each switch; for operators")


@dataclass(frozen=True, slots=True)
class TraceView:
    """What whoever asks may know of a report."""

    caller: Principal
    world: World
    is_detailed: bool

    def references(self, objects: Iterable[ObjectId]) -> list[ObjectRef]:
        """The objects that may be named."""
        return [ObjectRef.of(it) for it in objects if self.caller.may_see(it)]

    def place(self, switch: str) -> str | None:
        """A switch's name, if it may be told."""
        return switch if switch and self.caller.is_operator else None

    def remarks(self, traced: Traced) -> Iterator[Remark]:
        """What was decided; a tenant is told of the fabric only whether it carries the packet."""
        if self.caller.is_operator:
            yield from traced.remarks
            return
        is_carried = False
        for it in traced.remarks:
            if it.stage == "fabric":
                if it.is_drop:
                    yield Remark("fabric", "the fabric does not carry it at the moment", is_drop=True)
                elif not is_carried:
                    yield Remark("fabric", "is carried by the fabric")
                is_carried = True
            elif it.stage == "entry":
                sender = traced.departure.sender
                ids = () if sender is None else (sender.id,)
                yield Remark("entry", f"{sender.id} sends it" if sender is not None else "is sent", ids)
            else:
                yield it


class TraceRuleModel(BaseModel):
    """A rule of a network ACL; `position` in its direction, from 0; null: what no rule is about."""

    acl: ObjectRef
    direction: Literal["inbound", "outbound"]
    position: int | None
    action: Literal["allow", "deny"]

    @classmethod
    def of(cls, rule: DecidingRule | None) -> Self | None:
        if rule is None:
            return None
        acl = ObjectRef.of(rule.acl)
        return cls.model_validate(
            {"acl": acl, "direction": rule.direction, "position": rule.position, "action": rule.action}
        )


class VerdictModel(BaseModel):
    """What became of a packet: `sentence` says it all.

    `reason` is why it, or a copy of it, was dropped; `ports` get it; a drop comes from `objects` and `rule`.
    """

    kind: VerdictKind
    sentence: str
    reason: str | None
    ports: list[ObjectRef]
    objects: list[ObjectRef]
    rule: TraceRuleModel | None
    switch: str | None

    @classmethod
    def of(cls, view: TraceView, verdict: Verdict) -> Self:
        is_told = view.caller.is_operator
        reason = verdict.reason if is_told or verdict.reason not in _FABRIC_REASONS else FABRIC_REASON
        return cls(
            kind=verdict.kind,
            sentence=verdict.sentence if is_told else verdict.told_tenant,
            reason=reason,
            ports=view.references(verdict.ports),
            objects=view.references(verdict.objects),
            rule=TraceRuleModel.of(verdict.rule),
            switch=view.place(verdict.switch),
        )


class RemarkModel(BaseModel):
    """One decision, and what of the intent it comes from."""

    stage: str
    text: str
    objects: list[ObjectRef]
    rule: TraceRuleModel | None
    switch: str | None
    is_drop: bool

    @classmethod
    def of(cls, view: TraceView, remark: Remark) -> Self:
        return cls(
            stage=remark.stage,
            text=remark.text,
            objects=view.references(remark.objects),
            rule=TraceRuleModel.of(remark.rule),
            switch=view.place(remark.switch),
            is_drop=remark.is_drop,
        )


class LookupModel(BaseModel):
    """A table that was asked: `key` what for, `entry` what it has hit (null: nothing), `action` what was done then."""

    table: str
    key: str
    is_hit: bool
    entry: str | None
    action: str
    origins: list[ObjectRef]

    @classmethod
    def all_of(cls, view: TraceView, switch: str, run: Pass) -> list[Self]:
        schema = view.world.pipeline.info.schema
        return [cls._of(view, switch, it) for it in run.lookups if it.table in schema.tables]

    @classmethod
    def _of(cls, view: TraceView, switch: str, lookup: Lookup) -> Self:
        schema = view.world.pipeline.info.schema
        entry = None
        if lookup.identity is not None:
            entry = describe(TableEntry(*lookup.identity, ActionCall(lookup.action, lookup.args)), schema)
        return cls(
            table=lookup.table,
            key=describe_key(lookup.table, lookup.key, schema),
            is_hit=lookup.is_hit,
            entry=entry,
            action=describe_action(lookup.table, lookup.action, lookup.args, schema),
            origins=view.references(view.world.origins(switch, lookup.identity)),
        )


class OutputModel(BaseModel):
    """How one copy of the frame left a switch, or did not.

    `egress_port` is null if it was dropped in ingress; `link` and `hop` say where it goes on, `receiver` whose port it
    has reached. `packet` and `frame` (hex) are as it left.
    """

    end: End
    egress_port: int | None
    reason: str | None
    receiver: ObjectRef | None
    link: ObjectRef | None
    hop: int | None
    packet: str
    frame: str
    lookups: list[LookupModel]
    steps: list[str]

    @classmethod
    def of(cls, view: TraceView, hop: Hop, outcome: Outcome) -> Self:
        run, punt = outcome.egress, outcome.punt
        reason = outcome.reason if punt is None else punt.reason
        frame = outcome.frame if punt is None else punt.payload
        port = None if run is None else run.egress_port
        source = port if punt is None else punt.ingress_port
        is_tunnelled = source is not None and view.world.is_fabric_port(hop.switch, source)
        return cls(
            end=outcome.end,
            egress_port=port,
            reason=None if reason is None else name_of(reason),
            receiver=None if outcome.port is None else ObjectRef.of(outcome.port.id),
            link=None if outcome.link is None else ObjectRef.of(outcome.link),
            hop=outcome.hop,
            packet=summary_of(frame, is_tunnelled=is_tunnelled) if frame else "",
            frame=frame.hex(),
            lookups=[] if run is None else LookupModel.all_of(view, hop.switch, run),
            steps=[] if run is None else _steps(view, run),
        )


class HopModel(BaseModel):
    """One frame at one switch; `parent` is the hop that it came from, null for the first."""

    number: int
    parent: int | None
    switch: str
    port: int
    packet: str
    frame: str
    parser_states: list[str]
    lookups: list[LookupModel]
    steps: list[str]
    outputs: list[OutputModel]

    @classmethod
    def of(cls, view: TraceView, hop: Hop) -> Self:
        is_tunnelled = view.world.is_fabric_port(hop.switch, hop.port)
        return cls(
            number=hop.number,
            parent=hop.parent,
            switch=hop.switch,
            port=hop.port,
            packet=summary_of(hop.frame, is_tunnelled=is_tunnelled),
            frame=hop.frame.hex(),
            parser_states=list(hop.ingress.parser_states),
            lookups=LookupModel.all_of(view, hop.switch, hop.ingress),
            steps=_steps(view, hop.ingress),
            outputs=[OutputModel.of(view, hop, outcome) for outcome in hop.outcomes],
        )


class TracedModel(BaseModel):
    """One packet from where it enters to its end: `packet` as its host sends it, `hops` switch by switch."""

    packet: str
    verdict: VerdictModel
    path: list[RemarkModel]
    hops: list[HopModel]

    @classmethod
    def of(cls, view: TraceView, traced: Traced) -> Self:
        departure = traced.departure
        is_tunnelled = view.world.is_fabric_port(departure.switch, departure.port)
        frame = departure.frame
        if not view.caller.is_operator:
            frame, is_tunnelled = _as_sent(departure, is_tunnelled=is_tunnelled), False
        return cls(
            packet=summary_of(frame, is_tunnelled=is_tunnelled),
            verdict=VerdictModel.of(view, traced.verdict),
            path=[RemarkModel.of(view, it) for it in view.remarks(traced)],
            hops=[HopModel.of(view, hop) for hop in traced.walk.hops] if view.caller.is_operator else [],
        )


class TraceModel(BaseModel):
    """What becomes of a packet at a revision. `opening` and `reply` are null unless asked for, and there is one.

    `has_arrived`: the packet, and the reply if that was asked for, is delivered or answered, or leaves the fabric.
    """

    revision: int
    is_realised: bool
    has_arrived: bool
    notes: list[str]
    opening: TracedModel | None
    request: TracedModel
    reply: TracedModel | None

    @classmethod
    def of(cls, caller: Principal, report: Report, *, is_reply: bool, is_detailed: bool) -> Self:
        view, answer = TraceView(caller, report.world, is_detailed), report.answer
        wanted = [answer.request, *([answer.reply] if is_reply else [])]
        return cls(
            revision=report.revision,
            is_realised=report.is_realised,
            has_arrived=all(it is not None and it.verdict.kind in _ARRIVED for it in wanted),
            notes=list(answer.notes),
            opening=None if answer.opening is None else TracedModel.of(view, answer.opening),
            request=TracedModel.of(view, answer.request),
            reply=None if answer.reply is None else TracedModel.of(view, answer.reply),
        )


def _as_sent(departure: Departure, *, is_tunnelled: bool) -> bytes:
    """The frame without what tells where its port is: the tunnel of a foreign VTEP, the tag of an attachment."""
    frame = inside(departure.frame, is_tunnelled=is_tunnelled)
    if frame is None:
        return b""
    place = None if departure.sender is None else departure.sender.place
    is_tagged = isinstance(place, LocalPlace) and place.vlan_id != 0
    return build_frame(replace(frame, tci=None) if is_tagged else frame)


def _steps(view: TraceView, run: Pass) -> list[str]:
    if not view.is_detailed:
        return []
    shown = []
    for step in run.steps:
        key = f" ({', '.join(f'{value:#x}' for value in step.key)})" if step.key else ""
        args = f" ({', '.join(f'{value:#x}' for value in step.args)})" if step.args else ""
        shown.append(" ".join(f"{step.kind} {step.name}{key}{args} {step.detail}".split()))
    return shown
