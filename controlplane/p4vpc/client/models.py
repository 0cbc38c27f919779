# SPDX-License-Identifier: Apache-2.0
"""Answers of the API, as a client sees them. Fields that a newer server adds are ignored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from p4vpc.intent import Intent

_I = TypeVar("_I", bound=Intent)

Outcome = Literal["realised", "degraded", "timeout"]


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ObjectRef(Answer):
    """An intent object by name."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class ObjectChange(Answer):
    """One object's difference; `allocated`: fields of `after` that its author has not given."""

    operation: Literal["create", "update", "delete"]
    kind: str
    key: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    allocated: Sequence[str] = ()


class ApplyResult(Answer):
    """What a change did, or (dry run) would do. `outcome` is None if it was not waited for."""

    revision: int
    is_dry_run: bool
    outcome: Outcome | None
    changes: Sequence[ObjectChange]


class VpcSnapshot(Answer):
    """A VPC and all that was in it at a revision, as documents."""

    revision: int
    objects: Sequence[Mapping[str, Any]]


class CommitEvent(Answer):
    """One commit, as a watcher is told."""

    revision: int
    changes: Sequence[ObjectChange]


class AuditItem(Answer):
    """One commit: who made it, when, what it changed."""

    revision: int
    time: str
    who: str
    summary: str
    changes: Sequence[ObjectChange]


class Audit(Answer):
    """A page of the audit log; `next` leads to the one after it."""

    items: Sequence[AuditItem]
    next: str | None


class Identifier(Answer):
    """A number and the object that it stands for."""

    pool: str
    owner: str
    number: int


class Identifiers(Answer):
    """Numbers in use at a revision."""

    revision: int
    identifiers: Sequence[Identifier]


class SwitchProblem(Answer):
    """Something that a switch cannot hold, with the objects that ask for it."""

    table: str
    entry: str
    origins: Sequence[ObjectRef]
    reason: str


class Switch(Answer):
    """One switch."""

    name: str
    address: str
    state: str
    is_connected: bool
    is_realised: bool
    pipeline: str
    desired_revision: int
    realised_revision: int
    entries: int
    updates_written: int
    updates_refused: int
    connections: int
    packets_in: int
    rounds_inspected: int = 0
    entries_drifted: int = 0
    problems: Sequence[SwitchProblem]
    port_states: str = "unknown"
    error: str
    controller: str = ""
    epoch: int = 0


class Link(Answer):
    """One link of the fabric."""

    name: str
    a: str
    b: str
    state: str
    is_down: bool
    detail: str
    flaps: int
    is_heard: bool
    is_avoided: bool = False


class Controller(Answer):
    """One of several controllers."""

    name: str
    url: str
    is_live: bool
    compiled_revision: int
    switches: int


class Status(Answer):
    """The whole, as the controller of that name knows it; it has none if there is only one."""

    revision: int
    compiled_revision: int
    error: str
    outcome: Outcome | None
    switches: Sequence[Switch]
    links: Sequence[Link] = ()
    controller: str = ""
    controllers: Sequence[Controller] = ()


class ObjectAtSwitch(Answer):
    """One object at one switch that it concerns."""

    name: str
    state: str
    is_realised: bool
    entries: int
    desired_revision: int
    settled_revision: int
    problems: Sequence[SwitchProblem]
    error: str


class ObjectStatus(Answer):
    """Whether the switches show an object. A tenant is told the state only."""

    kind: str
    key: str
    revision: int
    state: Literal["realised", "pending", "refused"]
    error: str
    switches: Sequence[ObjectAtSwitch]


class Drops(Answer):
    """Packets dropped by switch and reason; `errors` tells which switch did not answer."""

    switches: Mapping[str, Mapping[str, int]]
    errors: Mapping[str, str]


class SampledRule(Answer):
    """The rule of a network ACL that has logged a packet; `position` in its direction, from 0."""

    acl: ObjectRef
    direction: str
    position: int
    action: str


class DropSample(Answer):
    """A packet that a switch has shown; `frame` is its beginning in hex, `length` the bytes of all of it."""

    number: int
    time: datetime
    switch: str
    port: int
    reason: str
    vpc: str | None
    source: ObjectRef | None
    destination: ObjectRef | None
    rule: SampledRule | None
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


class DropSamples(Answer):
    """Samples in the order of their numbers; `last` is the highest number that there is, asked for or not."""

    last: int
    samples: Sequence[DropSample]


class Counter(Answer):
    """One entry's counter."""

    switch: str
    table: str
    entry: str
    origins: Sequence[ObjectRef]
    packets: int
    bytes: int


class Counters(Answer):
    """Counters of all switches that answered."""

    counters: Sequence[Counter]
    errors: Mapping[str, str]


class ObjectList(Answer):
    """Objects of one kind, as documents."""

    revision: int
    items: Sequence[Mapping[str, Any]]
    next: str | None = None


class TokenInfo(Answer):
    """A token, without its secret."""

    name: str
    role: str
    tenant: str | None
    created: str
    created_by: str
    revoked: str | None
    revoked_by: str | None


class Tokens(Answer):
    """All tokens, revoked ones too."""

    items: Sequence[TokenInfo]


class CreatedToken(Answer):
    """A new token and its secret."""

    token: TokenInfo
    secret: str


@dataclass(frozen=True, slots=True)
class Versioned(Generic[_I]):
    """An object, and the revision of its last change, which is what `if_revision` asks for."""

    object: _I
    revision: int
