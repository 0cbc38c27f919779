# SPDX-License-Identifier: Apache-2.0
"""From snapshots to models, by way of what has changed between two of them."""

from collections.abc import Mapping, Sequence

from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelKeeper
from p4vpc.persistent import PersistentMap
from p4vpc.services import garbage
from p4vpc.services.abilities import refuse_inability
from p4vpc.store import ChangeRecord, Departure, Snapshot, StoredObject, departure_in


class Models:
    """Makes one model after the other. Of a snapshot that has come from the one before only the changes are read.

    Such a snapshot is of objects that have been checked, by us or by another process that has committed them. One that
    was read from the database as a whole shares nothing with the one before: it is checked and taken as a whole.
    """

    def __init__(self) -> None:
        self._keeper = ModelKeeper()
        self._objects: PersistentMap[ObjectId, StoredObject] | None = None
        self._revision = 0

    def of(self, snapshot: Snapshot, architecture: str) -> Model:
        """Return the snapshot's model. ModelError if its objects do not go together, or ask too much of switches."""
        objects = snapshot.objects
        model = self._advanced(snapshot, architecture)
        if model is None:
            with garbage.paused():
                refuse_inability(snapshot.intents, architecture)
                model = self._keeper.whole(snapshot.intents, snapshot.identifiers, snapshot.revision)
        self._objects = objects if isinstance(objects, PersistentMap) else None
        self._revision = snapshot.revision
        return model

    def departures(self, snapshot: Snapshot, since: int) -> Sequence[Departure] | None:
        """Return which ports left which switches after revision `since`, as `Store.departures`, and by which revision
        at the latest; None if that does not show, as the last model was not of that revision.

        Where a port was between two revisions of which no model was made does not count: no switch was told of it.
        """
        before = self._objects
        changed = self._changed(snapshot) if since == self._revision else None
        if before is None or changed is None:
            return None
        records = (
            ChangeRecord(after.revision, key, was.object, after.object)
            for key, after in changed.items()
            if after is not None and (was := before.get(key)) is not None and after.created == was.created
        )
        return [departure for record in records if (departure := departure_in(record)) is not None]

    def _changed(self, snapshot: Snapshot) -> Mapping[ObjectId, StoredObject | None] | None:
        """What is different since the last model; None if that takes a look at everything."""
        before, objects = self._objects, snapshot.objects
        if before is None or not isinstance(objects, PersistentMap) or not objects.is_of_lineage(before):
            return None
        return {key: objects.get(key) for key in objects.changed_from(before)}

    def _advanced(self, snapshot: Snapshot, architecture: str) -> Model | None:
        changed = self._changed(snapshot)
        if changed is None:
            return None
        changes = {key: None if it is None else it.object for key, it in changed.items()}
        # Whoever has committed them may have had switches of another architecture.
        refuse_inability((it for it in changes.values() if it is not None), architecture)
        return self._keeper.advance(changes, snapshot.identifiers, snapshot.revision)
