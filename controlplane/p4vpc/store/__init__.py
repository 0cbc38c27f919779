# SPDX-License-Identifier: Apache-2.0
"""Durable state: objects, revisions, audit records, identifiers, election ids."""

from p4vpc.store.store import Store
from p4vpc.store.types import (
    Change,
    ChangeRecord,
    Commit,
    Delete,
    Departure,
    Put,
    RevisionRecord,
    Snapshot,
    StoredObject,
)

__all__ = [
    "Change",
    "ChangeRecord",
    "Commit",
    "Delete",
    "Departure",
    "Put",
    "RevisionRecord",
    "Snapshot",
    "Store",
    "StoredObject",
]
