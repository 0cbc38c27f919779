# SPDX-License-Identifier: Apache-2.0
"""What a tenant may change: its own objects, but not whether it exists, nor where its ports are plugged in."""

from collections.abc import Iterable, Sequence

from p4vpc.errors import Problem
from p4vpc.intent import Port
from p4vpc.services.access import PLACES, ForbiddenError, Principal
from p4vpc.store import Change, Delete, Put, Snapshot


def permitted(principal: Principal, changes: Sequence[Change], snapshot: Snapshot) -> Sequence[Change]:
    """The changes as they are to be made: a port that a tenant writes stays where it is.

    Raises:
        ForbiddenError: all that this one may not do.
    """
    if principal.is_operator:
        return changes
    problems = [problem for change in changes for problem in _problems(principal, change, snapshot)]
    if problems:
        raise ForbiddenError(problems)
    return [_in_place(change, snapshot) for change in changes]


def _problems(principal: Principal, change: Change, snapshot: Snapshot) -> Iterable[Problem]:
    about = str(change.id)
    if not principal.may_see(change.id):
        message = f"is not of tenant {principal.tenant}, whose this token is"
        yield Problem(about, "", message, "ask the operator")
    elif change.id.kind == "tenant" and (isinstance(change, Delete) or change.id not in snapshot.objects):
        yield Problem(about, "", "tenants are created and deleted by the operator", "ask the operator")
    elif isinstance(change, Put) and isinstance(change.object, Port):
        for field in sorted(PLACES & change.object.model_fields_set):
            yield Problem(about, field, "where a port is plugged in is decided by the operator", "leave it out")


def _in_place(change: Change, snapshot: Snapshot) -> Change:
    stored = snapshot.objects.get(change.id)
    if not (isinstance(change, Put) and isinstance(change.object, Port) and stored):
        return change
    places = {field: getattr(stored.object, field) for field in PLACES & stored.object.model_fields_set}
    return Put(change.object.model_copy(update=places), change.if_revision)
