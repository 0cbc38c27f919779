# SPDX-License-Identifier: Apache-2.0
"""From objects to a model.

How a commit goes, with nothing but pure functions around the store::

    after = objects of the snapshot with the changes applied
    check_objects(after, deleted)                       # ModelError: all problems at once
    plan = plan_identifiers(after, snapshot.identifiers)
    done = store.commit(changes, who, expected_revision=snapshot.revision, identifiers=plan)
    model = build_model(after, done.identifiers, done.revision)
"""

from collections.abc import Collection, Iterable

from p4vpc.intent import IdentifierPlan, Identifiers, Intent, ObjectId
from p4vpc.model.types import Model


def check_objects(objects: Iterable[Intent], deleted: Collection[ObjectId] = ()) -> None:
    """Check that the objects go together.

    `deleted` names objects that were just removed from among them: a reference to one of those is reported at the
    deleted object, with its referents.

    Raises ModelError with all problems.
    """
    raise NotImplementedError


def plan_identifiers(objects: Iterable[Intent], held: Identifiers) -> IdentifierPlan:
    """Return what must be allocated and retired so that these objects have exactly the numbers they need.

    The objects must have passed `check_objects`. Raises ModelError if numbers in use lie outside of a range that
    was narrowed (`fabric.vni_range`).
    """
    raise NotImplementedError


def build_model(objects: Iterable[Intent], identifiers: Identifiers, revision: int = 0) -> Model:
    """Return the model of these objects.

    Raises ModelError with all problems, InternalError if a number is missing that `plan_identifiers` asks for.
    """
    raise NotImplementedError
