# SPDX-License-Identifier: Apache-2.0
"""The store: every method is one transaction; blocking, safe to call from several threads."""

import json
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic import ValidationError
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, tuple_, update

from p4vpc.errors import NotFoundError, Problem, RevisionConflictError, StoreError, UserError
from p4vpc.intent import KINDS, IdentifierPlan, Intent, ObjectId, to_document
from p4vpc.store import audit, departures, history, leases, numbers, tokens, turns
from p4vpc.store.database import Database, Lock
from p4vpc.store.listening import Listening
from p4vpc.store.schema import changes as changes_table
from p4vpc.store.schema import objects, revisions
from p4vpc.store.sole import SoleUse
from p4vpc.store.times import now_us, time_of
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
    LeaseTable,
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
    Turn,
)

NO_IDENTIFIERS = IdentifierPlan()
NEW_COMMIT, NEW_LEASES, NEW_REPORTS = "commit", "leases", "reports"
"""What listeners are told."""

_ROWS_PER_QUERY = 400

# Statements of every commit are made once.
_LAST_REVISION = select(func.max(revisions.c.number))
_IS_IT = (objects.c.kind == bindparam("of_kind"), objects.c.key == bindparam("of_key"))
_READ_ONE = select(objects).where(*_IS_IT)
_READ_SOME = select(objects).where(tuple_(objects.c.kind, objects.c.key).in_(bindparam("ids", expanding=True)))
_UPDATE, _DELETE = update(objects).where(*_IS_IT), delete(objects).where(*_IS_IT)
_INSERT, _INSERT_REVISION, _INSERT_CHANGE = insert(objects), insert(revisions), insert(changes_table)


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
        draft = Draft(tuple(changes), who, summary, identifiers)
        return self.commit_all([draft], expected_revision=expected_revision)[0]

    def commit_all(self, drafts: Sequence[Draft], *, expected_revision: int | None = None) -> Sequence[Commit]:
        """Commit several drafts, each as `commit` does with a revision of its own, in one transaction: all or none.

        A draft is checked against what the ones before it leave. The errors are those of `commit`.
        """
        wanted = [_index(draft.changes) for draft in drafts]
        writing = _Writing()
        commits = []
        with self._database.write() as connection:
            current = _current_revision(connection)
            if expected_revision is not None and expected_revision != current:
                raise RevisionConflictError(
                    Problem("", "", f"the store is at revision {current}, not {expected_revision}", "read again"),
                    current,
                )
            known = {key: _known(row) for key, row in _read_rows(connection, set(chain.from_iterable(wanted))).items()}
            for draft, by_id in zip(drafts, wanted, strict=True):
                _check_preconditions(by_id, known)
                plan = draft.identifiers
                changes = [
                    _Edit(key, known.get(key), _body(change.object) if isinstance(change, Put) else None, change)
                    for key, change in sorted(by_id.items())
                ]
                effective = [edit for edit in changes if edit.before is None or edit.before.body != edit.body]
                if not effective and not plan.allocate and not plan.retire:
                    commits.append(Commit(current))
                    continue
                current += 1
                commits.append(
                    Commit(
                        current,
                        partial(_records, effective, current),
                        numbers.apply_plan(connection, plan, current),
                    )
                )
                after = writing.add(draft, current, effective)
                known = {key: it for key, it in {**known, **after}.items() if it is not None}
            if writing.is_any:
                writing.execute(connection)
                self._database.notify(connection, NEW_COMMIT)
        return commits

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
        """Return at most `limit` commits that match, newest first, each with those of its changes that match.

        What was done to tokens stands among them.
        """
        with self._database.read() as connection:
            commits = audit.read_commits(connection, query, limit)
            rows = audit.read_changes(connection, query, [row.number for row in commits])
            events = audit.read_token_events(connection, query, limit)
        changes: dict[int, list[ChangeRecord]] = {row.number: [] for row in commits}
        for row in sorted(rows, key=_order):
            changes[row.revision].append(_change_record(row))
        records = [
            AuditRecord(
                AuditPosition(row.number),
                RevisionRecord(row.number, time_of(row.time_us), row.who, row.summary),
                row.tenant,
                tuple(changes[row.number]),
            )
            for row in commits
        ]
        return sorted((*records, *events), key=lambda record: record.position, reverse=True)[:limit]

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

    def vpc_at(self, vpc: str, revision: int) -> Sequence[Intent]:
        """Return a VPC and all that was in it at a revision, sorted by kind and key; nothing if there was none."""
        with self._database.read() as connection:
            rows = history.read_vpc_at(connection, vpc, revision)
        return [_parse(ObjectId(row.kind, row.key), row.after or "") for row in rows]

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

    def report(self, me: Registration, progress: Progress, bodies: Mapping[str, str]) -> None:
        """Tell how far a controller is, and how its switches are. What it says of others' switches is left out.

        Raises:
            ForgottenError: it is not registered, or another process is, by this name.
        """
        with self._database.write(Lock.LEASES) as connection:
            leases.report(connection, me, progress, bodies)
            self._database.notify(connection, NEW_REPORTS)

    def take_turn(self, me: Registration, switch: str, revision: int, switches: Container[str]) -> Turn | None:
        """Ask for the turn of a switch of ours in the roll-out; return whose turn it is after that.

        Args:
            me: the controller.
            switch: shall get another pipeline.
            revision, switches: the last revision that we know, and all switches that it has: whoever is at its turn
                and is no more has lost it.
        """
        with self._database.write(Lock.LEASES) as connection:
            turn, is_news = turns.take(connection, me, switch, revision, switches)
            if is_news:
                self._database.notify(connection, NEW_REPORTS)
            return turn

    def end_turn(self, me: Registration, switch: str, failure: str = "") -> Turn | None:
        """Tell that a switch of ours is done with the roll-out, or why not; return whose turn it is after that."""
        with self._database.write(Lock.LEASES) as connection:
            if turns.end(connection, me, switch, failure):
                self._database.notify(connection, NEW_REPORTS)
            return turns.read(connection)

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
    last: int | None = connection.execute(_LAST_REVISION).scalar()
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
    if len(ordered) == 1:
        row = connection.execute(_READ_ONE, {"of_kind": ordered[0].kind, "of_key": ordered[0].key}).one_or_none()
        return {} if row is None else {ordered[0]: row}
    for start in range(0, len(ordered), _ROWS_PER_QUERY):
        some = [tuple(object_id) for object_id in ordered[start : start + _ROWS_PER_QUERY]]
        for row in connection.execute(_READ_SOME, {"ids": some}):
            found[ObjectId(row.kind, row.key)] = row
    return found


class _Known(NamedTuple):
    """An object as it is in the database, or will be."""

    body: str
    revision: int
    created: int


def _known(row: Row[tuple[str, str, str, int, int]]) -> _Known:
    return _Known(row.body, row.revision, row.created)


class _Edit(NamedTuple):
    """One object's change; `body` is None if it is deleted."""

    key: ObjectId
    before: _Known | None
    body: str | None
    change: Change

    def record(self, revision: int) -> ChangeRecord:
        """What the change feed says of it."""
        new = self.change.object if isinstance(self.change, Put) else None
        return ChangeRecord(revision, self.key, self.before and _parse(self.key, self.before.body), new)


def _records(edits: Iterable[_Edit], revision: int) -> tuple[ChangeRecord, ...]:
    return tuple(edit.record(revision) for edit in edits)


def _check_preconditions(by_id: dict[ObjectId, Change], before: Mapping[ObjectId, _Known]) -> None:
    conflicts, absent = [], []
    current = 0
    for key, change in by_id.items():
        known = before.get(key)
        revision = 0 if known is None else known.revision
        if change.if_revision is not None and change.if_revision != revision:
            is_now = f"is at revision {revision}" if revision else "does not exist"
            remedy = "read it again, then change it" if revision else "create it"
            conflicts.append(Problem(str(key), "", f"{is_now}, not at revision {change.if_revision}", remedy))
            current = revision
        elif known is None and isinstance(change, Delete):
            absent.append(Problem(str(key), "", "does not exist", "nothing is to be deleted"))
    if conflicts:
        raise RevisionConflictError(conflicts, current)
    if absent:
        raise NotFoundError(absent)


class _Writing:
    """What a transaction writes of drafts: each object as the last of them leaves it, and every step to there."""

    def __init__(self) -> None:
        self._revisions: list[dict[str, Any]] = []
        self._log: list[dict[str, Any]] = []
        self._first: dict[ObjectId, _Known | None] = {}
        self._last: dict[ObjectId, _Known | None] = {}
        self._gone: list[tuple[str, str]] = []

    def add(self, draft: Draft, revision: int, edits: Sequence[_Edit]) -> Mapping[ObjectId, _Known | None]:
        """Take up what one draft changes; return what is there of those objects after it."""
        after: dict[ObjectId, _Known | None] = {}
        self._revisions.append({"number": revision, "time_us": now_us(), "who": draft.who, "summary": draft.summary})
        for edit in edits:
            self._first.setdefault(edit.key, edit.before)
            created = revision if edit.before is None else edit.before.created
            after[edit.key] = None if edit.body is None else _Known(edit.body, revision, created)
            before = None if edit.before is None else edit.before.body
            log = {"revision": revision, "kind": edit.key.kind, "key": edit.key.key, "before": before}
            self._log.append({**log, "after": edit.body})
            if edit.body is None and edit.key.kind == "tenant":
                self._gone.append((edit.key.key, draft.who))
        self._last.update(after)
        return after

    @property
    def is_any(self) -> bool:
        """Whether there is a new revision."""
        return bool(self._revisions)

    def execute(self, connection: Connection) -> None:
        """Write it."""
        created, updated, removed = [], [], []
        for key, last in self._last.items():
            is_there = self._first[key] is not None
            if last is not None and is_there:
                updated.append({"of_kind": key.kind, "of_key": key.key, **last._asdict()})
            elif last is not None:
                created.append({"kind": key.kind, "key": key.key, **last._asdict()})
            elif is_there:
                removed.append({"of_kind": key.kind, "of_key": key.key})
        for statement, rows in (
            (_INSERT_REVISION, self._revisions),
            (_DELETE, removed),
            (_UPDATE, updated),
            (_INSERT, created),
            (_INSERT_CHANGE, self._log),
        ):
            if rows:
                connection.execute(statement, rows)
        for tenant, who in self._gone:
            tokens.revoke_of_tenants(connection, [tenant], who)


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
