# SPDX-License-Identifier: Apache-2.0
"""Durable state: objects, revisions, audit records, identifiers, election ids, tokens."""

from p4vpc.store.departures import departure_in
from p4vpc.store.leases import ForgottenError, ReplacedError
from p4vpc.store.listening import Listening
from p4vpc.store.sole import SoleUse
from p4vpc.store.store import NEW_COMMIT, NEW_LEASES, NEW_REPORTS, Store
from p4vpc.store.tokens import TokenError
from p4vpc.store.types import (
    AuditPosition,
    AuditQuery,
    AuditRecord,
    Change,
    ChangeRecord,
    Commit,
    Delete,
    Departure,
    Draft,
    Lease,
    LeaseChanges,
    LeaseTable,
    Member,
    News,
    Progress,
    Put,
    Registration,
    Report,
    RevisionRecord,
    Role,
    Snapshot,
    StoredObject,
    Token,
    TokenEvent,
    Turn,
)

__all__ = [
    "NEW_COMMIT",
    "NEW_LEASES",
    "NEW_REPORTS",
    "AuditPosition",
    "AuditQuery",
    "AuditRecord",
    "Change",
    "ChangeRecord",
    "Commit",
    "Delete",
    "Departure",
    "Draft",
    "ForgottenError",
    "Lease",
    "LeaseChanges",
    "LeaseTable",
    "Listening",
    "Member",
    "News",
    "Progress",
    "Put",
    "Registration",
    "ReplacedError",
    "Report",
    "RevisionRecord",
    "Role",
    "Snapshot",
    "SoleUse",
    "Store",
    "StoredObject",
    "Token",
    "TokenError",
    "TokenEvent",
    "Turn",
    "departure_in",
]
