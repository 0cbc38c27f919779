# SPDX-License-Identifier: Apache-2.0
"""The store: every method is one transaction; blocking, safe to call from several threads."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from p4vpc.intent import IdentifierPlan, ObjectId
from p4vpc.store.types import Change, ChangeRecord, Commit, RevisionRecord, Snapshot, StoredObject

NO_IDENTIFIERS = IdentifierPlan()


class Store:
    """A database of intent, by SQLAlchemy URL: ``sqlite:///p4vpc.db``; ``sqlite://`` keeps nothing.

    Raises StoreError when the database cannot be opened, is locked for too long, or has the schema of a newer version.
    """

    def __init__(self, url: str):
        raise NotImplementedError

    def close(self) -> None:
        """Give all connections back. The store cannot be used afterwards."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def revision(self) -> int:
        """Number of the last commit; 0 if there was none."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """Read everything at one revision."""
        raise NotImplementedError

    def get(self, object_id: ObjectId) -> StoredObject | None:
        """Read one object."""
        raise NotImplementedError

    def commit(
        self,
        changes: Iterable[Change],
        who: str,
        *,
        summary: str = "",
        expected_revision: int | None = None,
        identifiers: IdentifierPlan = NO_IDENTIFIERS,
    ) -> Commit:
        """Apply all changes and the identifier plan in one transaction: one revision, or nothing at all.

        When this returns, the commit survives kill -9 and power loss. Puts that change nothing make no revision.

        Args:
            changes: at most one for each object.
            who: whom the audit log names.
            summary: a line for the audit log.
            expected_revision: the revision that changes and plan were checked against; None: whatever is current.
            identifiers: numbers to allocate and to retire, from `p4vpc.model.plan_identifiers`.

        Raises:
            RevisionConflictError: the store is at another revision than expected, or an object at another than
                its `if_revision`.
            NotFoundError: a Delete names an object that does not exist.
            ExhaustedError: a pool has no number left.
            StoreError: the database cannot be used.
        """
        raise NotImplementedError

    def changes_since(self, revision: int, limit: int | None = None) -> Sequence[ChangeRecord]:
        """Return the changes of all commits after `revision`, in order; whole commits, at least one if there is any.

        `limit` bounds how many records are returned, except that a commit is never cut.
        """
        raise NotImplementedError

    def revisions(self, limit: int = 100) -> Sequence[RevisionRecord]:
        """Return the last commits, newest first."""
        raise NotImplementedError

    def history(self, object_id: ObjectId, limit: int = 100) -> Sequence[ChangeRecord]:
        """Return an object's changes, newest first; also of one that is deleted."""
        raise NotImplementedError

    def release_retired(self, realised: int) -> int:
        """Free numbers that were retired at or before revision `realised`; return how many.

        Call it with the lowest revision that all switches have realised: only then does none hold them any more.
        """
        raise NotImplementedError

    def next_election_id(self, switch: str) -> int:
        """Return an election id for `switch` greater than every one returned before, across restarts; >= 1."""
        raise NotImplementedError
