# SPDX-License-Identifier: Apache-2.0
"""The store: every method is one transaction; blocking, safe to call from several threads."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, tuple_, update

from p4vpc.errors import NotFoundError, Problem, RevisionConflictError, StoreError, UserError
from p4vpc.intent import KINDS, IdentifierPlan, Intent, ObjectId, to_document
from p4vpc.store import audit, departures, leases, numbers, tokens
from p4vpc.store.database import Database, Lock
from p4vpc.store.listening import Listening
from p4vpc.store.schema import changes as changes_table
from p4vpc.store.schema import objects, revisions
from p4vpc.store.sole import SoleUse
from p4vpc.store.times import now_us, time_of
from p4vpc.store.types import (
    AuditQuery,
    AuditRecord,
    Change,
    ChangeRecord,
    Commit,
    Delete,
    Departure,
    LeaseTable,
    News,
    Put,
    Registration,
    Report,
    RevisionRecord,
    Role,
    Snapshot,
    StoredObject,
    Token,
)

NO_IDENTIFIERS = IdentifierPlan()
NEW_COMMIT, NEW_LEASES, NEW_REPORTS = "commit", "leases", "reports"
"""What listeners are told."""

_ROWS_PER_QUERY = 400


class Store:
    """A database of intent, by SQLAlchemy URL: ``sqlite:///p4vpc.db``; ``sqlite://`` keeps nothing;
    ``postgresql://user@host/p4vpc`` is shared by all that open it.

    Raises StoreError when the database cannot be opened, is locked for too long, or has the schema of another version.
    """

    def __init__(self, url: str):
        self._database = Database(url)
        self.is_shared = self._database.is_shared

    def close(self) -> None:
        """Give all connections back. The store cannot be used afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def revision(self) -> int:
        """Number of the last commit; 0 if there was none."""
        with self._database.read() as connection:
            return _current_revision(connection)

    def snapshot(self) -> Snapshot:
        """Read everything at one revision."""
        with self._database.read() as connection:
            revision = _current_revision(connection)
            rows = connection.execute(select(objects)).all()
            identifiers = numbers.read_identifiers(connection)
        return Snapshot(revision, {ObjectId(row.kind, row.key): _stored(row) for row in rows}, identifiers)

    def news(self, revision: int, limit: int) -> News | None:
        """Return what has changed since `revision`, net; None if that is more than `limit` objects' changes."""
        table = changes_table.c
        with self._database.read() as connection:
            current = _current_revision(connection)
            query = select(func.count()).where(table.revision > revision)
            if current < revision or connection.execute(query).scalar_one() > limit:
                return None
            ids = {
                ObjectId(row.kind, row.key)
                for row in connection.execute(select(table.kind, table.key).where(table.revision > revision).distinct())
            }
            rows = _read_rows(connection, ids)
            numbers_now = numbers.changes_since(connection, revision)
        stored = {key: _stored(rows[key]) if key in rows else None for key in ids}
        return News(current, stored, numbers_now)

    def get(self, object_id: ObjectId) -> StoredObject | None:
        """Read one object."""
        with self._database.read() as connection:
            row = _read_rows(connection, [object_id]).get(object_id)
        return None if row is None else _stored(row)

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
            UserError: two changes of one object.
            ExhaustedError: a pool has no number left.
            StoreError: the database cannot be used.
        """
        by_id = _index(changes)
        with self._database.write() as connection:
            current = _current_revision(connection)
            if expected_revision is not None and expected_revision != current:
                raise RevisionConflictError(
                    Problem("", "", f"the store is at revision {current}, not {expected_revision}", "read again"),
                    current,
                )
            before = _read_rows(connection, by_id)
            _check_preconditions(by_id, before)
            bodies = {key: _body(change.object) for key, change in by_id.items() if isinstance(change, Put)}
            effective = [key for key in sorted(by_id) if key not in before or before[key].body != bodies.get(key)]
            if not effective and not identifiers.allocate and not identifiers.retire:
                return Commit(current, ())
            revision = current + 1
            connection.execute(insert(revisions).values(number=revision, time_us=now_us(), who=who, summary=summary))
            allocated = numbers.apply_plan(connection, identifiers, revision)
            _write_objects(connection, revision, effective, before, bodies)
            gone = [key.key for key in effective if key.kind == "tenant" and key not in bodies]
            if gone:
                tokens.revoke_of_tenants(connection, gone, who)
            self._database.notify(connection, NEW_COMMIT)
        records = []
        for key in effective:
            old, change = before.get(key), by_id[key]
            new = change.object if isinstance(change, Put) else None
            records.append(ChangeRecord(revision, key, None if old is None else _parse(key, old.body), new))
        return Commit(revision, tuple(records), allocated)

    def changes_since(self, revision: int, limit: int | None = None) -> Sequence[ChangeRecord]:
        """Return the changes of all commits after `revision`, in order; whole commits, at least one if there is any.

        `limit` bounds how many records are returned, except that a commit is never cut.
        """
        table = changes_table.c
        query = select(changes_table).order_by(table.revision)
        with self._database.read() as connection:
            if limit is None:
                rows = connection.execute(query.where(table.revision > revision)).all()
            else:
                rows = connection.execute(query.where(table.revision > revision).limit(max(limit, 1) + 1)).all()
                if len(rows) > max(limit, 1):
                    whole = [row for row in rows if row.revision < rows[-1].revision]
                    rows = whole or connection.execute(query.where(table.revision == rows[0].revision)).all()
        return [_change_record(row) for row in sorted(rows, key=_order)]

    def revisions(self, limit: int = 100) -> Sequence[RevisionRecord]:
        """Return the last commits, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(revisions).order_by(revisions.c.number.desc()).limit(limit)).all()
        return [RevisionRecord(row.number, time_of(row.time_us), row.who, row.summary) for row in rows]

    def audit(self, query: AuditQuery, limit: int = 100) -> Sequence[AuditRecord]:
        """Return at most `limit` commits that match, newest first, each with those of its changes that match."""
        with self._database.read() as connection:
            commits = audit.read_commits(connection, query, limit)
            rows = audit.read_changes(connection, query, [row.number for row in commits])
        changes: dict[int, list[ChangeRecord]] = {row.number: [] for row in commits}
        for row in sorted(rows, key=_order):
            changes[row.revision].append(_change_record(row))
        return [
            AuditRecord(
                RevisionRecord(row.number, time_of(row.time_us), row.who, row.summary),
                row.tenant,
                tuple(changes[row.number]),
            )
            for row in commits
        ]

    def history(self, object_id: ObjectId, limit: int = 100) -> Sequence[ChangeRecord]:
        """Return an object's changes, newest first; also of one that is deleted."""
        table = changes_table.c
        query = (
            select(changes_table)
            .where(table.kind == object_id.kind, table.key == object_id.key)
            .order_by(table.revision.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [_change_record(row) for row in rows]

    def release_retired(self, realised: int) -> int:
        """Free numbers that were retired at or before revision `realised`; return how many.

        Call it with the lowest revision that all switches have realised: only then does none hold them any more, and
        no port that has moved till then is sent frames at its old place (`departures`).
        """
        with self._database.write() as connection:
            departures.acknowledge(connection, realised)
            return numbers.release(connection, realised)

    def departures(self, since: int | None = None) -> Sequence[Departure]:
        """Return which ports left which switches by the commits after `since`, oldest first.

        Ports that were deleted are not among them. If `since` is None, it is the last revision that every switch has
        realised, as `release_retired` was told: what comes after it may not be known everywhere.
        """
        with self._database.read() as connection:
            if since is None:
                since = departures.last_acknowledged(connection)
            rows = departures.read_changed_ports(connection, since)
        records = [_change_record(row) for row in sorted(rows, key=_order)]
        return [departure for record in records if (departure := departures.departure_in(record)) is not None]

    def next_election_id(self, switch: str, above: int = 0) -> int:
        """Return an election id for `switch` greater than `above` and every one returned before, across restarts."""
        with self._database.write(Lock.LEASES) as connection:
            return leases.next_epoch(connection, switch, above)

    def join(self, me: Registration, url: str, ttl_seconds: float) -> int:
        """Register a controller, in place of one of the same name; return its number, which no other ever had."""
        with self._database.write(Lock.LEASES) as connection:
            number = leases.join(connection, self._database.now_us(connection), me, url, ttl_seconds)
            self._database.notify(connection, NEW_LEASES)
            return number

    def renew(self, me: Registration, ttl_seconds: float, decide: leases.Decide) -> LeaseTable:
        """Go on being registered, and take and give up what `decide` says of the table; return the table after that.

        Raises:
            ReplacedError: another process has taken the name.
            ForgottenError: it has to join again.
        """
        with self._database.write(Lock.LEASES) as connection:
            table, is_news = leases.renew(connection, self._database.now_us(connection), me, ttl_seconds, decide)
            if is_news:
                self._database.notify(connection, NEW_LEASES)
            return table

    def raise_epoch(self, me: Registration, switch: str, above: int) -> int | None:
        """Give the owner of a switch a new epoch, greater than `above`; None if it is not the owner any more."""
        with self._database.write(Lock.LEASES) as connection:
            return leases.raise_epoch(connection, me, switch, above)

    def leave(self, me: Registration) -> None:
        """Give up all leases and the registration."""
        with self._database.write(Lock.LEASES) as connection:
            leases.leave(connection, me)
            self._database.notify(connection, NEW_LEASES)

    def report(self, me: Registration, revision: int, down_links: Collection[str], bodies: Mapping[str, str]) -> None:
        """Tell how far a controller is, and how its switches are. What it says of others' switches is left out.

        Raises:
            ForgottenError: it is not registered, or another process is, by this name.
        """
        with self._database.write(Lock.LEASES) as connection:
            leases.report(connection, me, revision, down_links, bodies)
            self._database.notify(connection, NEW_REPORTS)

    def reports(self, after: int) -> tuple[LeaseTable, Sequence[Report]]:
        """Return the leases, and the latest report of each switch that has one with a serial above `after`."""
        with self._database.read() as connection:
            table = leases.read(connection, self._database.now_us(connection))
            return table, leases.reports(connection, after)

    def use_alone(self) -> SoleUse | None:
        """Keep other controllers from a database that they cannot share; None if they can, or if it is in memory.

        Raises:
            StoreError: another one uses it.
        """
        name = self._database.url.database
        return None if self.is_shared or name in (None, "", ":memory:") else SoleUse(Path(name))

    def listen(self, on_news: Callable[[str], None]) -> Listening | None:
        """Call `on_news`, from a thread, with NEW_COMMIT and so on whenever somebody commits; None: not offered."""
        return Listening(self._database.url, on_news) if self._database.is_shared else None

    def add_first_token(self, name: str, digest: str, who: str) -> bool:
        """Keep an operator's token if there has never been any; whether it was kept."""
        with self._database.write() as connection:
            if tokens.is_any(connection):
                return False
            tokens.add(connection, name, digest, role=Role.OPERATOR, tenant=None, who=who)
            return True

    def has_tokens(self) -> bool:
        """Whether there has ever been a token."""
        with self._database.read() as connection:
            return tokens.is_any(connection)

    def add_token(self, name: str, digest: str, *, role: Role, tenant: str | None, who: str) -> Token:
        """Keep a token. TokenError if one has had its name; NotFoundError if there is no such tenant."""
        with self._database.write() as connection:
            if tenant is not None and not _read_rows(connection, [ObjectId("tenant", tenant)]):
                raise NotFoundError(Problem(f"tenant {tenant[:80]}", "", "does not exist", "create the tenant first"))
            return tokens.add(connection, name, digest, role=role, tenant=tenant, who=who)

    def good_token(self, digest: str) -> Token | None:
        """Return the token with this digest, if there is one that has not been revoked."""
        with self._database.read() as connection:
            return tokens.good_token(connection, digest)

    def is_good_token(self, name: str) -> bool:
        """Whether the token of this name has not been revoked."""
        with self._database.read() as connection:
            return tokens.is_good(connection, name)

    def tokens(self) -> Sequence[Token]:
        """Return all tokens by name, revoked ones too."""
        with self._database.read() as connection:
            return tokens.every(connection)

    def revoke_token(self, name: str, who: str) -> Token:
        """End a token. NotFoundError; TokenError if it is the last good one of an operator."""
        with self._database.write() as connection:
            return tokens.revoke(connection, name, who)


def _current_revision(connection: Connection) -> int:
    last: int | None = connection.execute(select(func.max(revisions.c.number))).scalar()
    return last or 0


def _index(changes: Iterable[Change]) -> dict[ObjectId, Change]:
    by_id: dict[ObjectId, Change] = {}
    for change in changes:
        if change.id in by_id:
            raise UserError(Problem(str(change.id), "", "is changed twice in one commit", "change it once"))
        by_id[change.id] = change
    return by_id


def _read_rows(
    connection: Connection, ids: Collection[ObjectId]
) -> dict[ObjectId, Row[tuple[str, str, str, int, int]]]:
    ordered = list(ids)
    found = {}
    for start in range(0, len(ordered), _ROWS_PER_QUERY):
        some = [tuple(object_id) for object_id in ordered[start : start + _ROWS_PER_QUERY]]
        for row in connection.execute(select(objects).where(tuple_(objects.c.kind, objects.c.key).in_(some))):
            found[ObjectId(row.kind, row.key)] = row
    return found


def _check_preconditions(
    by_id: dict[ObjectId, Change], before: dict[ObjectId, Row[tuple[str, str, str, int, int]]]
) -> None:
    conflicts, absent = [], []
    current = 0
    for key, change in by_id.items():
        row = before.get(key)
        revision = 0 if row is None else row.revision
        if change.if_revision is not None and change.if_revision != revision:
            is_now = f"is at revision {revision}" if revision else "does not exist"
            remedy = "read it again, then change it" if revision else "create it"
            conflicts.append(Problem(str(key), "", f"{is_now}, not at revision {change.if_revision}", remedy))
            current = revision
        elif row is None and isinstance(change, Delete):
            absent.append(Problem(str(key), "", "does not exist", "nothing is to be deleted"))
    if conflicts:
        raise RevisionConflictError(conflicts, current)
    if absent:
        raise NotFoundError(absent)


def _write_objects(
    connection: Connection,
    revision: int,
    effective: list[ObjectId],
    before: dict[ObjectId, Row[tuple[str, str, str, int, int]]],
    bodies: dict[ObjectId, str],
) -> None:
    created, updated, removed, log = [], [], [], []
    for key in effective:
        old, body = before.get(key), bodies.get(key)
        log.append(
            {
                "revision": revision,
                "kind": key.kind,
                "key": key.key,
                "before": None if old is None else old.body,
                "after": body,
            }
        )
        if body is None:
            removed.append({"of_kind": key.kind, "of_key": key.key})
        elif old is None:
            created.append({"kind": key.kind, "key": key.key, "body": body, "revision": revision, "created": revision})
        else:
            updated.append({"of_kind": key.kind, "of_key": key.key, "body": body, "revision": revision})
    is_it = (objects.c.kind == bindparam("of_kind"), objects.c.key == bindparam("of_key"))
    if removed:
        connection.execute(delete(objects).where(*is_it), removed)
    if updated:
        connection.execute(update(objects).where(*is_it), updated)
    if created:
        connection.execute(insert(objects), created)
    if log:
        connection.execute(insert(changes_table), log)


def _body(intent: Intent) -> str:
    return json.dumps(to_document(intent), ensure_ascii=False, separators=(",", ":"))


def _parse(object_id: ObjectId, body: str) -> Intent:
    try:
        return KINDS[object_id.kind].model_validate(json.loads(body))
    except (KeyError, ValueError, ValidationError) as error:
        raise StoreError(f"{object_id} in the database cannot be read: {error}") from error


def _order(row: Row[tuple[int, str, str, str | None, str | None]]) -> tuple[int, str, str]:
    """By commit, then by name; databases have ideas of their own about the order of text."""
    return row.revision, row.kind, row.key


def _stored(row: Row[tuple[str, str, str, int, int]]) -> StoredObject:
    return StoredObject(_parse(ObjectId(row.kind, row.key), row.body), row.revision, row.created)


def _change_record(row: Row[tuple[int, str, str, str | None, str | None]]) -> ChangeRecord:
    object_id = ObjectId(row.kind, row.key)
    return ChangeRecord(
        row.revision,
        object_id,
        None if row.before is None else _parse(object_id, row.before),
        None if row.after is None else _parse(object_id, row.after),
    )
