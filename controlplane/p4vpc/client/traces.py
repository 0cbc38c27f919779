# SPDX-License-Identifier: Apache-2.0
"""What the API answers to `trace`, as a client sees it."""

from collections.abc import Sequence

from p4vpc.client.models import Answer, ObjectRef


class TraceRule(Answer):
    """A rule of a network ACL; `position` in its direction, from 0; None: what no rule is about."""

    acl: ObjectRef
    direction: str
    position: int | None
    action: str


class Verdict(Answer):
    """What became of a packet: delivered, answered, punted, left or dropped; `sentence` says it all."""

    kind: str
    sentence: str
    reason: str | None
    ports: Sequence[ObjectRef]
    objects: Sequence[ObjectRef]
    rule: TraceRule | None
    switch: str | None


class Remark(Answer):
    """One decision, and what of the intent it comes from."""

    stage: str
    text: str
    objects: Sequence[ObjectRef]
    rule: TraceRule | None
    switch: str | None
    is_drop: bool


class Lookup(Answer):
    """A table that was asked; `entry` is what it has hit, None for nothing."""

    table: str
    key: str
    is_hit: bool
    entry: str | None
    action: str
    origins: Sequence[ObjectRef]


class Output(Answer):
    """How one copy of a frame left a switch, or did not; `packet` and `frame` (hex) are as it left."""

    end: str
    egress_port: int | None
    reason: str | None
    receiver: ObjectRef | None
    link: ObjectRef | None
    hop: int | None
    packet: str
    frame: str
    lookups: Sequence[Lookup]
    steps: Sequence[str]


class Hop(Answer):
    """One frame at one switch; `parent` is the hop that it came from."""

    number: int
    parent: int | None
    switch: str
    port: int
    packet: str
    frame: str
    parser_states: Sequence[str]
    lookups: Sequence[Lookup]
    steps: Sequence[str]
    outputs: Sequence[Output]


class Traced(Answer):
    """One packet from where it enters to its end; a tenant is told no hops."""

    packet: str
    verdict: Verdict
    path: Sequence[Remark]
    hops: Sequence[Hop]


class Trace(Answer):
    """What becomes of a packet. `has_arrived`: it, and the reply if asked for, is delivered, answered, or leaves."""

    revision: int
    is_realised: bool
    has_arrived: bool
    notes: Sequence[str]
    opening: Traced | None
    request: Traced
    reply: Traced | None
