# SPDX-License-Identifier: Apache-2.0
"""What goes into the store and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from p4vpc.intent import ClaimId, Identifiers, Intent, ObjectId


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


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which commits, and which of their changes; None: whichever.

    Attributes:
        before_revision: only older ones.
        since, until: when they were made; aware times, `until` itself excluded.
        who: their author.
        kind, key: the object that they change.
        tenant: whose objects they change; of the changes only those.
    """

    before_revision: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    who: str | None = None
    kind: str | None = None
    key: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One commit with those of its changes that were asked for.

    Attributes:
        who_of_tenant: the tenant whose token made it; None: an operator's, or p4vpc itself.
    """

    revision: RevisionRecord
    who_of_tenant: str | None
    changes: tuple[ChangeRecord, ...]


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
class Commit:
    """What a commit did.

    Attributes:
        revision: the new revision, or the current one if nothing differed from what is stored.
        changes: what really changed, sorted by kind and key; empty if nothing did.
        allocated: the number of each claim of the plan.
    """

    revision: int
    changes: tuple[ChangeRecord, ...]
    allocated: Mapping[ClaimId, int] = field(default_factory=dict)


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
