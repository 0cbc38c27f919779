# SPDX-License-Identifier: Apache-2.0
"""What goes into the store and what comes out of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeAlias

from p4vpc.intent import ClaimId, IdentifierPlan, Identifiers, Intent, ObjectId


@dataclass(frozen=True, slots=True)
class Put:
    """Create the object, or replace the one of the same kind and key.

    Attributes:
        object: the new content.
        if_revision: the object's own revision that the author has seen; 0: it must not exist yet; None: do not care.
    """

    object: Intent
    if_revision: int | None = None

    @property
    def id(self) -> ObjectId:
        """Kind and key of the object concerned."""
        return self.object.id


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the object. It must exist.

    Attributes:
        id: kind and key.
        if_revision: the object's own revision that the author has seen; None: do not care.
    """

    id: ObjectId
    if_revision: int | None = None


Change: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as committed. `revision` is that of its last change (its ETag), `created` that of its first."""

    object: Intent
    revision: int
    created: int


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One object's change in the feed and the audit log; `before` is None on creation, `after` on deletion."""

    revision: int
    id: ObjectId
    before: Intent | None
    after: Intent | None


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """One commit. `time` is in UTC."""

    number: int
    time: datetime
    who: str
    summary: str


@dataclass(frozen=True, slots=True, order=True)
class AuditPosition:
    """Where something stands in the audit log, which is sorted by it.

    Attributes:
        revision: of the commit; of what was done to a token, the last one before that.
        time_us, token, is_end: of what was done to a token; a commit has none, so it stands before all that followed.
    """

    revision: int
    time_us: int = 0
    token: str = ""
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which commits, and which of their changes; None: whichever.

    Attributes:
        before: only what stands before this.
        since, until: when they were made; aware times, `until` itself excluded.
        who: their author.
        kind, key: the object that they change; kind `token`: tokens that were made or revoked.
        tenant: whose objects they change; of the changes only those. Its tokens, too.
        is_with_tokens: whether tokens are told at all.
    """

    before: AuditPosition | None = None
    since: datetime | None = None
    until: datetime | None = None
    who: str | None = None
    kind: str | None = None
    key: str | None = None
    tenant: str | None = None
    is_with_tokens: bool = False


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A token was made, or has ended."""

    token: "Token"
    is_end: bool


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One commit with those of its changes that were asked for, or what was done to a token.

    Attributes:
        position: where it stands in the log.
        revision: the commit; of what was done to a token: who did it, when, after which revision.
        who_of_tenant: the tenant whose token made it; None: an operator's, or p4vpc itself.
        token: what was done to a token; None: it is a commit.
    """

    position: AuditPosition
    revision: RevisionRecord
    who_of_tenant: str | None
    changes: tuple[ChangeRecord, ...]
    token: TokenEvent | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of the intent at one revision, read in one transaction. Revision 0 is the empty store."""

    revision: int
    objects: Mapping[ObjectId, StoredObject]
    identifiers: Identifiers

    @property
    def intents(self) -> list[Intent]:
        """The objects alone, sorted by kind and key."""
        return [self.objects[object_id].object for object_id in sorted(self.objects)]


@dataclass(frozen=True, slots=True)
class News:
    """What differs between an earlier revision and `revision`; None: the object, or the number, is no more."""

    revision: int
    objects: Mapping[ObjectId, StoredObject | None]
    numbers: Mapping[ClaimId, int | None]


@dataclass(frozen=True, slots=True)
class Departure:
    """At `revision` the port was unplugged from `switch`, and not plugged in there again by the same commit."""

    port: ObjectId
    switch: str
    revision: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What one commit shall do.

    Attributes:
        changes: at most one for each object.
        who: whom the audit log names.
        summary: a line for the audit log.
        identifiers: numbers to allocate and to retire, from `p4vpc.model.plan_identifiers`.
    """

    changes: tuple[Change, ...]
    who: str
    summary: str = ""
    identifiers: IdentifierPlan = field(default_factory=IdentifierPlan)


@dataclass(frozen=True)
class Commit:
    """What a commit did.

    Attributes:
        revision: the new revision, or the current one if nothing differed from what is stored.
        records: gives `changes`, which few ask for.
        allocated: the number of each claim of the plan.
    """

    revision: int
    records: Callable[[], tuple[ChangeRecord, ...]] = tuple
    allocated: Mapping[ClaimId, int] = field(default_factory=dict)

    @cached_property
    def changes(self) -> tuple[ChangeRecord, ...]:
        """What really changed, sorted by kind and key; empty if nothing did."""
        return self.records()


class Role(StrEnum):
    """What the bearer of a token may do: everything; change one tenant's objects; read one tenant's objects."""

    OPERATOR = "operator"
    TENANT_ADMIN = "tenant-admin"
    TENANT_VIEWER = "tenant-viewer"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the store knows it; the secret itself is not there.

    Attributes:
        name: whom the audit log names; never given to another token.
        tenant: whose objects it is for; None for an operator's.
        revoked: when it ceased to be good; None while it is.
    """

    name: str
    role: Role
    tenant: str | None
    created: datetime
    created_by: str
    revoked: datetime | None = None
    revoked_by: str | None = None


class Registration(NamedTuple):
    """A controller: its name, and the process that has it; a later one of the same name replaces it."""

    name: str
    instance: str


@dataclass(frozen=True, slots=True)
class Member:
    """A controller that has registered.

    Attributes:
        instance: of its process.
        url: of its API.
        is_live: it has renewed its registration in time; its leases hold as long as that.
        revision: the last that its switches were given.
        down_links: keys of the links that it has evidence against.
        tiers: the links that those of its switches go round which are of one tier, as far as it has told.
    """

    name: str
    instance: str
    url: str
    is_live: bool
    revision: int
    down_links: frozenset[str]
    tiers: Mapping[int, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write to a switch.

    Attributes:
        owner: name of the controller; None: nobody.
        epoch: grows with every owner.
        is_unreachable: the owner has no session with the switch, so whoever has one may take it.
    """

    owner: str | None
    epoch: int
    is_unreachable: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """The one switch of the fabric that may be given another pipeline.

    Attributes:
        switch: its name.
        failure: why it is not done; empty if nothing is wrong.
    """

    switch: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class LeaseTable:
    """All controllers by name, all leases by switch, and who is at its turn in the roll-out, at one moment."""

    members: Mapping[str, Member]
    leases: Mapping[str, Lease]
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a controller is.

    Attributes:
        revision: the last that its switches were given.
        down_links: keys of the links that it has evidence against.
        tiers: the links that those of its switches go round which are of one tier.
    """

    revision: int
    down_links: frozenset[str] = frozenset()
    tiers: Mapping[int, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeaseChanges:
    """What a controller does about leases.

    Attributes:
        take: switches to own from now on, each with a new epoch.
        give: switches that are its own to leave to others.
        mark: switches that are its own, and whether it has no session with them.
        forget: switches that are its own and no more.
    """

    take: Collection[str] = ()
    give: Collection[str] = ()
    mark: Mapping[str, bool] = field(default_factory=dict)
    forget: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A switch's status, as its owner has told it."""

    switch: str
    controller: str
    serial: int
    body: str
