# SPDX-License-Identifier: Apache-2.0
"""Whole VPCs as they were: shown, rolled back to, cloned. Each is one commit, so it is done in full or not at all.

A snapshot is a revision, as the store forgets no change: every commit has made one of every VPC. QoS policies belong
to the tenant and are no part of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from p4vpc.errors import NotFoundError, Problem
from p4vpc.intent import Intent, ObjectId, Vpc, VpcMember, from_document
from p4vpc.services.access import PLACES, Principal
from p4vpc.services.intents import IntentService, Plan
from p4vpc.store import Change, Delete, Put, Snapshot


async def vpc_at(intents: IntentService, vpc: ObjectId, revision: int) -> Sequence[Intent]:
    """A VPC with all that was in it at a revision.

    Raises:
        NotFoundError: there was no such VPC then.
    """
    found = await intents.vpc_at(vpc.key, revision)
    if not any(it.id == vpc for it in found):
        message = f"did not exist at revision {revision}"
        raise NotFoundError(Problem(str(vpc), "", message, "p4vpc audit tells when it did"))
    return found


def rollback(caller: Principal, vpc: ObjectId, past: Sequence[Intent]) -> Plan:
    """The changes that make a VPC what it was. A tenant's ports stay where they are plugged in now."""
    wanted = {it.id: from_document(caller.document(it)) for it in past}

    def plan(snapshot: Snapshot) -> list[Change]:
        gone = [Delete(it) for it in _present(vpc, snapshot) if it not in wanted]
        return [*gone, *(Put(it) for it in wanted.values())]

    return plan


def clone(vpc: ObjectId, name: str, past: Sequence[Intent]) -> list[Change]:
    """The changes that make another VPC of the tenant from one: same addresses and MACs, plugged in nowhere.

    Raises:
        IntentError: `name` is none.
    """
    tenant = vpc.key.partition("/")[0]
    return [Put(from_document(_renamed(it, tenant, name)), if_revision=0) for it in past]


def _renamed(intent: Intent, tenant: str, name: str) -> dict[str, Any]:
    document = {field: value for field, value in intent.document().items() if field not in PLACES}
    return {**document, "tenant": tenant, "name" if isinstance(intent, Vpc) else "vpc": name}


def _present(vpc: ObjectId, snapshot: Snapshot) -> Iterator[ObjectId]:
    for object_id, stored in snapshot.objects.items():
        if object_id == vpc or (isinstance(stored.object, VpcMember) and stored.object.vpc_key == vpc.key):
            yield object_id
