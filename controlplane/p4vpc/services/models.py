# SPDX-License-Identifier: Apache-2.0
"""From snapshots to models, by way of what has changed between two of them."""

from collections.abc import Mapping

from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelKeeper
from p4vpc.persistent import PersistentMap
from p4vpc.services.abilities import refuse_inability
from p4vpc.store import Snapshot, StoredObject


class Models:
    """Makes one model after the other. Of a snapshot that has come from the one before only the changes are read.

    Such a snapshot is of objects that have been checked, by us or by another process that has committed them. One that
    was read from the database as a whole shares nothing with the one before: it is checked and taken as a whole.
    """

    def __init__(self) -> None:
        self._keeper = ModelKeeper()
        self._objects: PersistentMap[ObjectId, StoredObject] | None = None

    def of(self, snapshot: Snapshot, architecture: str) -> Model:
        """Return the snapshot's model. ModelError if its objects do not go together, or ask too much of switches."""
        objects = snapshot.objects
        model = self._advanced(objects, snapshot, architecture)
        if model is None:
            refuse_inability(snapshot.intents, architecture)
            model = self._keeper.whole(snapshot.intents, snapshot.identifiers, snapshot.revision)
        self._objects = objects if isinstance(objects, PersistentMap) else None
        return model

    def _advanced(
        self, objects: Mapping[ObjectId, StoredObject], snapshot: Snapshot, architecture: str
    ) -> Model | None:
        before = self._objects
        if before is None or not isinstance(objects, PersistentMap) or not objects.is_of_lineage(before):
            return None
        stored = {key: objects.get(key) for key in objects.changed_from(before)}
        changes = {key: None if it is None else it.object for key, it in stored.items()}
        # Whoever has committed them may have had switches of another architecture.
        refuse_inability((it for it in changes.values() if it is not None), architecture)
        return self._keeper.advance(changes, snapshot.identifiers, snapshot.revision)
