# SPDX-License-Identifier: Apache-2.0
"""Reading and committing intent. Nothing is committed that does not go together with everything else.

The service keeps the last snapshot in memory, and a ledger of what it uses and needs, so a commit costs what it
touches, and a request that is refused no more. A commit of another process is noticed by its revision. Blocking work
runs in threads, one transaction at a time: requests that come while it runs share the next one, each with a revision of
its own.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

import structlog

from p4vpc.compiler import check_samples
from p4vpc.errors import ModelError, NotFoundError, Problem, RevisionConflictError, UserError
from p4vpc.intent import ClaimId, Fabric, Identifiers, Intent, Malformed, ObjectId, Port, closest
from p4vpc.model import (
    Ledger,
    PortOwners,
    Resting,
    Step,
    check_objects,
    complete,
    is_complete,
    plan_identifiers,
    subnet_id,
)
from p4vpc.persistent import PersistentMap
from p4vpc.services import garbage
from p4vpc.services.abilities import refuse_inability
from p4vpc.services.access import tenant_of
from p4vpc.services.blocking import Blocking
from p4vpc.store import (
    AuditQuery,
    AuditRecord,
    Change,
    ChangeRecord,
    Delete,
    Draft,
    News,
    Put,
    Snapshot,
    Store,
    StoredObject,
)

_K = TypeVar("_K")
_V = TypeVar("_V")
_ATTEMPTS = 500
"""How often a commit is tried because another process has committed in between: one that is busier may win for long."""

_MOST_NEWS = 5_000
"""Changes of others that are followed one by one; after more everything is read."""

_MANY = 1_000
"""Changes of one request that make so much at once that the garbage collector shall not look at it."""

_AT_ONCE = 64
"""Requests in one transaction, at most: none of them is answered before all are committed."""

Plan: TypeAlias = Callable[[Snapshot], Sequence[Change]]
"""Changes that depend on what is there; asked again if somebody else commits in between."""


class Operation(StrEnum):
    """What a commit does to an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Edit:
    """One object's difference.

    Attributes:
        allocated: the fields that its author has not given; a dry run shows what they would be at this moment.
    """

    id: ObjectId
    before: Intent | None
    after: Intent | None
    allocated: tuple[str, ...] = ()

    @property
    def operation(self) -> Operation:
        """Which of the three it is."""
        if self.before is None:
            return Operation.CREATE
        return Operation.DELETE if self.after is None else Operation.UPDATE


@dataclass(frozen=True, slots=True)
class Applied:
    """What a commit did, or (dry run) would do.

    Attributes:
        revision: the one after which the changes hold; the current one if nothing differed, or for a dry run.
        edits: what really differs, sorted by kind and key.
    """

    revision: int
    edits: tuple[Edit, ...]


class IntentService:
    """The only way to the store's objects.

    Args:
        store: closed by whoever opened it, after `blocking`.
        blocking: where the store's methods run.
        on_commit: called on the event loop after every commit of ours.
        architecture: of the switches' pipeline; what it cannot do is refused.
    """

    def __init__(
        self, store: Store, blocking: Blocking, on_commit: Callable[[], None] = lambda: None, architecture: str = ""
    ):
        self._store = store
        self._blocking = blocking
        self._on_commit = on_commit
        self._architecture = architecture
        self._log = structlog.get_logger().bind(switch="-")
        self._lock = asyncio.Lock()
        self._waiting: list[_Request] = []
        self._committing: asyncio.Task[None] | None = None
        self._snapshot: Snapshot | None = None
        self._ledger: Ledger | None = None
        self._ledger_snapshot: Snapshot | None = None
        self._planned: Snapshot | None = None
        self._resting = Resting()
        self._seen = 0
        self._advanced = asyncio.Event()

    async def snapshot(self) -> Snapshot:
        """Everything at the current revision.

        Raises:
            StoreError: the database cannot be used.
        """
        async with self._lock:
            snapshot = await self._blocking.run(self._refresh)
        self._saw(snapshot.revision)
        return snapshot

    async def latest(self) -> Snapshot:
        """Everything as our own last commit left it, without asking the database, if nobody else commits there.

        Whoever does so all the same, to a database that is not shared, is noticed by the next `snapshot`.

        Raises:
            StoreError: the database cannot be used.
        """
        return await self.snapshot() if self._store.is_shared or self._snapshot is None else self._snapshot

    def _known(self) -> Snapshot:
        """The same where the caller has the lock; a commit finds out if there is a later revision."""
        return self._refresh() if self._store.is_shared or self._snapshot is None else self._snapshot

    def _refresh(self) -> Snapshot:
        known = self._snapshot
        if known is None or known.revision != self._store.revision:
            known = (None if known is None else self._followed(known)) or self._whole()
            self._snapshot = known
        return known

    def _whole(self) -> Snapshot:
        snapshot = self._store.snapshot()
        numbers: PersistentMap[ClaimId, int] = PersistentMap(snapshot.identifiers.numbers)
        return replace(snapshot, objects=PersistentMap(snapshot.objects), identifiers=Identifiers(numbers))

    def _followed(self, known: Snapshot) -> Snapshot | None:
        """The snapshot after what others have committed since; None if that is too much."""
        news = self._store.news(known.revision, _MOST_NEWS)
        if news is None:
            return None
        objects = _followed(known.objects, news.objects)
        snapshot = Snapshot(news.revision, objects, Identifiers(_followed(known.identifiers.numbers, news.numbers)))
        if self._ledger is not None and self._ledger_snapshot is known:
            step = self._foreign_step(self._ledger, news, known)
            if step is not None:
                self._ledger.take(step)
                self._ledger_snapshot = snapshot
        return snapshot

    @staticmethod
    def _foreign_step(ledger: Ledger, news: News, known: Snapshot) -> Step | None:
        """What commits of others come to, if we should have given the same numbers; None: look at everything again."""
        changes = {key: None if stored is None else stored.object for key, stored in news.objects.items()}
        try:
            step = ledger.step(changes, known.identifiers)
        except ModelError:
            return None
        held = known.identifiers.numbers
        given = {claim: number for claim, number in news.numbers.items() if held.get(claim) != number}
        if step is None or {claim.id for claim in step.plan.allocate} != {it for it in given if given[it] is not None}:
            return None
        return step if set(step.plan.retire) == {it for it in given if given[it] is None} else None

    async def audit(self, query: AuditQuery, limit: int) -> Sequence[AuditRecord]:
        """Who has changed what, newest first; at most `limit` commits."""
        return await self._blocking.run(self._store.audit, query, limit)

    async def changes_since(self, revision: int, limit: int) -> Sequence[ChangeRecord]:
        """What was committed after `revision`, in order; about `limit` changes of whole commits."""
        return await self._blocking.run(self._store.changes_since, revision, limit)

    async def vpc_at(self, vpc: str, revision: int) -> Sequence[Intent]:
        """A VPC and all that was in it at a revision; nothing if there was none."""
        return await self._blocking.run(self._store.vpc_at, vpc, revision)

    async def wait_beyond(self, revision: int) -> None:
        """Wait until there is a later commit. Those of other processes are noticed when anybody reads."""
        while self._seen <= revision:
            await self._advanced.wait()

    def _saw(self, revision: int) -> None:
        if revision > self._seen:
            self._seen = revision
            self._advanced.set()
            self._advanced = asyncio.Event()

    async def get(self, object_id: ObjectId) -> StoredObject:
        """One object.

        Raises:
            NotFoundError: there is none; the closest keys are in the remedy.
            StoreError: the database cannot be used.
        """
        snapshot = await self.snapshot()
        found = snapshot.objects.get(object_id)
        if found is None:
            raise not_found([object_id], snapshot)
        return found

    async def apply(
        self,
        changes: Sequence[Change] | Plan,
        *,
        who: str,
        malformed: Malformed | None = None,
        is_dry_run: bool = False,
    ) -> Applied:
        """Commit all changes, or none.

        Args:
            changes: at most one for each object; or what makes them from the snapshot that they are checked against.
            who: for the audit log.
            malformed: objects that the same request has but which cannot be read: with any of these nothing is
                committed, but references to them are no mistake of their own, and those that they have are checked.
            is_dry_run: check everything, commit nothing, tell the difference.

        Raises:
            ModelError: the objects do not go together; all problems.
            NotFoundError: a delete of what does not exist.
            RevisionConflictError: an object is not at the revision that its change expects.
            ExhaustedError: no identifier is left, or no address of a port's subnet.
            StoreError: the database cannot be used.
        """
        loop = asyncio.get_running_loop()
        request = _Request(changes, who, malformed, is_dry_run or bool(malformed), loop.create_future())
        self._waiting.append(request)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_waiting(), name="commits")
        applied = await request.done
        if applied.edits and not request.is_dry_run:
            self._log.info("committed", revision=applied.revision, who=who, changes=len(applied.edits))
        return applied

    async def _commit_waiting(self) -> None:
        """Take what is waiting, and what comes meanwhile: the longer a commit takes, the more go with the next."""
        while self._waiting:
            requests, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                async with self._lock:
                    results = await self._blocking.run(self._apply_all, requests)
            except asyncio.CancelledError:
                for request in (*requests, *self._waiting):
                    request.done.cancel()
                raise
            except Exception as error:  # whoever waits must hear of it, whatever it is
                results = [error] * len(requests)
            revision = self._seen
            for request, result in zip(requests, results, strict=True):
                if isinstance(result, Applied):
                    revision = max(revision, result.revision)
                if request.done.done():
                    continue  # nobody waits any more
                if isinstance(result, Applied):
                    request.done.set_result(result)
                else:
                    request.done.set_exception(result)
            is_news = any(isinstance(it, Applied) and it.edits for it in results)
            self._saw(revision)
            if is_news:
                self._on_commit()

    def _apply_all(self, requests: Sequence["_Request"]) -> list["Applied | Exception"]:
        """What each request comes to, in their order."""
        results: list[Applied | Exception] = []
        while len(results) < len(requests):
            rest = requests[len(results) :]
            group = self._group(rest) if len(rest) > 1 else ()
            if group:
                results += group
                continue
            try:
                results.append(self._apply(rest[0]))
            except Exception as error:
                results.append(error)
        return results

    def _group(self, requests: Sequence["_Request"]) -> Sequence["Applied"]:
        """Commit as many of the first requests as need no look at everything, in one transaction.

        None of them if one fails that ought not to: then each is tried alone.
        """
        before = snapshot = self._known()
        drafts: list[Draft] = []
        applied: list[Applied] = []
        for request in requests:
            try:
                changes = request.changes(snapshot) if callable(request.changes) else request.changes
                if request.is_dry_run:
                    break
                _check_expectations(changes, snapshot)
                given, changes = changes, self._completed(changes, snapshot)
                step = self._step(changes, snapshot)
            except UserError:
                step = None
            if step is None or self._ledger is None:
                break
            edits = tuple(_edits(changes, given, snapshot))
            revision = snapshot.revision
            if edits or step.plan.allocate or step.plan.retire:
                revision += 1
                drafts.append(Draft(tuple(changes), request.who, _summary(edits), step.plan))
                # Which number it is only the store knows; to the next requests it matters that there is one.
                some = {claim.id: claim.low for claim in step.plan.allocate}
                known = Identifiers(_after(snapshot.identifiers.numbers, some, step.plan.retire))
                snapshot = replace(_edited(snapshot, edits, revision), revision=revision, identifiers=known)
                self._ledger.take(step)
                self._ledger_snapshot = snapshot
                for edit in edits:
                    self._resting.given_back(edit.before, edit.after)
            applied.append(Applied(revision, edits))
        if not drafts:
            return applied
        try:
            commits = self._store.commit_all(drafts, expected_revision=before.revision)
        except UserError:
            self._ledger = self._ledger_snapshot = None
            return ()
        numbers = before.identifiers.numbers
        for draft, commit in zip(drafts, commits, strict=True):
            numbers = _after(numbers, commit.allocated, draft.identifiers.retire)
        self._snapshot = self._ledger_snapshot = replace(snapshot, identifiers=Identifiers(numbers))
        return applied

    def _apply(self, request: "_Request") -> Applied:
        if not callable(request.changes) and len(request.changes) >= _MANY:
            with garbage.paused():
                return self._apply_one(request)
        return self._apply_one(request)

    def _apply_one(self, request: "_Request") -> Applied:
        guess = self._known()
        try:
            result = self._attempt(request, guess)
        except UserError:
            if self._refresh() is guess:
                raise
        else:
            if isinstance(result, Applied) and (result.revision > guess.revision or self._refresh() is guess):
                return result
        for attempt in range(1, _ATTEMPTS + 1):
            result = self._attempt(request, self._refresh())
            if isinstance(result, Applied):
                return result
            if attempt == _ATTEMPTS:
                raise result
        raise AssertionError("the loop returns or raises")

    def _attempt(self, request: "_Request", snapshot: Snapshot) -> Applied | RevisionConflictError:
        """What the request comes to at this snapshot; the error if there is a later revision."""
        changes = request.changes(snapshot) if callable(request.changes) else request.changes
        _check_expectations(changes, snapshot)
        given, changes = changes, self._completed(changes, snapshot)
        step = None if request.malformed else self._step(changes, snapshot)
        is_checked = step is not None or self._is_checked(changes, snapshot, request.malformed)
        after = {} if is_checked else _apply_to(snapshot.objects, changes)
        if not is_checked:
            deleted = {change.id for change in changes if isinstance(change, Delete)}
            _check(after, deleted, request.malformed)
            refuse_inability(after.values(), self._architecture)
        edits = tuple(_edits(changes, given, snapshot))
        if request.is_dry_run:
            return Applied(snapshot.revision, edits)
        identifiers = step.plan if step is not None else plan_identifiers(after.values(), snapshot.identifiers)
        try:
            commit = self._store.commit(
                changes,
                request.who,
                summary=_summary(edits),
                expected_revision=snapshot.revision,
                identifiers=identifiers,
            )
        except RevisionConflictError as error:
            return error
        for edit in edits:
            self._resting.given_back(edit.before, edit.after)
        numbers = _after(snapshot.identifiers.numbers, commit.allocated, identifiers.retire)
        edited = _edited(snapshot, edits, commit.revision)
        self._snapshot = replace(edited, revision=commit.revision, identifiers=Identifiers(numbers))
        if step is None:
            self._planned = self._snapshot
        elif self._ledger is not None:
            self._ledger.take(step)
            self._ledger_snapshot = self._snapshot
        return Applied(commit.revision, edits)

    def _completed(self, changes: Sequence[Change], snapshot: Snapshot) -> Sequence[Change]:
        """The changes with MACs and addresses for the ports that do not say theirs.

        The commit is made only at the revision of this snapshot, so nobody else can have got the same.
        """
        puts = {change.id: change.object for change in changes if isinstance(change, Put)}
        ports = [port for port in puts.values() if isinstance(port, Port)]
        if all(is_complete(port) for port in ports):
            return changes
        known: dict[ObjectId, Intent | None] = {}
        deleted = {change.id for change in changes if isinstance(change, Delete)}
        for port in ports:
            subnet = subnet_id(port)
            known[port.id] = _stored(snapshot, port.id)
            known[subnet] = None if subnet in deleted else puts.get(subnet) or _stored(snapshot, subnet)
        owners = self._ledger_at(snapshot) or PortOwners(it.object for it in snapshot.objects.values())
        completed = complete(ports, known, owners, self._resting)
        return [
            Put(completed[change.id], change.if_revision) if change.id in completed else change for change in changes
        ]

    def _ledger_at(self, snapshot: Snapshot) -> Ledger | None:
        """The ledger of the snapshot; None if its objects do not go together."""
        if self._ledger_snapshot is not snapshot:
            self._open_ledger(snapshot)
        return self._ledger

    def _step(self, changes: Sequence[Change], snapshot: Snapshot) -> Step | None:
        """What the changes come to, without looking at what they do not touch; None if that cannot be told.

        ModelError with all that is wrong, if that can be told.
        """
        ledger, by_id = self._ledger_for(changes, snapshot)
        if ledger is None:
            return None
        with self._saying_all(by_id):
            step = ledger.step(by_id, snapshot.identifiers)
        if step is not None:
            self._check_alone(by_id)
        return step

    def _is_checked(self, changes: Sequence[Change], snapshot: Snapshot, malformed: Malformed | None) -> bool:
        """Whether the changes, with what cannot be read, go together with everything; ModelError if they do not.

        False if that cannot be told without looking at what they do not touch.
        """
        ledger, by_id = self._ledger_for(changes, snapshot)
        if not malformed or ledger is None:
            return False
        found = ledger.problems(by_id, malformed)
        if found is None:
            return False
        with self._saying_all(by_id):
            if found:
                raise ModelError(found)
        self._check_alone(by_id)
        return True

    def _ledger_for(
        self, changes: Sequence[Change], snapshot: Snapshot
    ) -> tuple[Ledger | None, Mapping[ObjectId, Intent | None]]:
        """The ledger, unless a look at everything costs less, or is wanted for what is odd; and the changes by id."""
        by_id = {change.id: change.object if isinstance(change, Put) else None for change in changes}
        is_odd = len(by_id) < len(changes)
        return (None if is_odd or len(by_id) > len(snapshot.objects) else self._ledger_at(snapshot)), by_id

    @contextmanager
    def _saying_all(self, changes: Mapping[ObjectId, Intent | None]) -> Iterator[None]:
        """Let a ModelError also say what is wrong with objects alone."""
        try:
            yield
        except ModelError as error:
            raise ModelError([*error.problems, *_problems_of_samples(changes.values())]) from None

    def _check_alone(self, changes: Mapping[ObjectId, Intent | None]) -> None:
        """ModelError with what is wrong with objects that go together with all others."""
        problems = _problems_of_samples(changes.values())
        if problems:
            raise ModelError(problems)
        refuse_inability((it for it in changes.values() if it is not None), self._architecture)

    def _open_ledger(self, snapshot: Snapshot) -> None:
        with garbage.paused():
            self._ledger = _ledger_of(snapshot, is_planned=self._planned is snapshot)
        self._ledger_snapshot, self._planned = snapshot, None

    async def prepare(self) -> None:
        """Open the ledger if there has been none, or our last commit took everything: the next one shall not wait."""
        if self._ledger_snapshot is None or self._planned is not None:
            async with self._lock:
                await self._blocking.run(self._prepare)

    def _prepare(self) -> None:
        snapshot = self._refresh()
        if self._ledger_snapshot is None or self._planned is snapshot:
            self._open_ledger(snapshot)


@dataclass(slots=True)
class _Request:
    """What somebody waits for."""

    changes: Sequence[Change] | Plan
    who: str
    malformed: Malformed | None
    is_dry_run: bool
    done: "asyncio.Future[Applied]"


def _ledger_of(snapshot: Snapshot, *, is_planned: bool) -> Ledger | None:
    """The ledger of a snapshot; None if its objects do not go together, or not with their numbers."""
    objects = snapshot.intents
    if is_planned:
        return Ledger(objects)
    try:
        check_objects(objects)
        plan = plan_identifiers(objects, snapshot.identifiers)
    except ModelError:
        return None
    return None if plan.allocate or plan.retire else Ledger(objects)


def not_found(ids: Iterable[ObjectId], snapshot: Snapshot) -> NotFoundError:
    """The error for objects that do not exist, with what the author may have meant: never what is another tenant's."""
    return NotFoundError(Problem(str(it), "", "does not exist", closest(it.key, _beside(it, snapshot))) for it in ids)


def _beside(object_id: ObjectId, snapshot: Snapshot) -> Iterable[str]:
    owner = tenant_of(object_id)
    return (known.key for known in snapshot.objects if known.kind == object_id.kind and tenant_of(known) == owner)


def _check_expectations(changes: Iterable[Change], snapshot: Snapshot) -> None:
    conflicts: list[Problem] = []
    current = 0
    missing: list[ObjectId] = []
    for change in changes:
        stored = snapshot.objects.get(change.id)
        revision = stored.revision if stored else 0
        if change.if_revision is not None and change.if_revision != revision:
            current = revision
            state = f"is at revision {revision}" if stored else "does not exist"
            wanted = f"at revision {change.if_revision}" if change.if_revision else "absent"
            conflicts.append(Problem(str(change.id), "", f"{state}, and was expected {wanted}", "read it again"))
        elif stored is None and isinstance(change, Delete):
            missing.append(change.id)
    if conflicts:
        raise RevisionConflictError(conflicts, current)
    if missing:
        raise not_found(missing, snapshot)


def _check(after: Mapping[ObjectId, Intent], deleted: Collection[ObjectId], malformed: Malformed | None) -> None:
    """ModelError with all that is wrong: between objects, and with names that only the compiler knows."""
    problems = _problems_of_samples(after.values())
    try:
        check_objects(after.values(), deleted, malformed)
    except ModelError as error:
        raise ModelError([*error.problems, *problems]) from None
    if problems:
        raise ModelError(problems)


def _problems_of_samples(objects: Iterable[Intent | None]) -> Sequence[Problem]:
    return [problem for intent in objects if isinstance(intent, Fabric) for problem in check_samples(intent)]


def _apply_to(objects: Mapping[ObjectId, StoredObject], changes: Iterable[Change]) -> dict[ObjectId, Intent]:
    after = {object_id: stored.object for object_id, stored in objects.items()}
    for change in changes:
        if isinstance(change, Put):
            after[change.id] = change.object
        else:
            del after[change.id]
    return after


def _stored(snapshot: Snapshot, object_id: ObjectId) -> Intent | None:
    stored = snapshot.objects.get(object_id)
    return None if stored is None else stored.object


def _edits(changes: Iterable[Change], given: Iterable[Change], snapshot: Snapshot) -> Iterable[Edit]:
    authors = {change.id: change.object for change in given if isinstance(change, Put)}
    for change in sorted(changes, key=lambda change: change.id):
        stored = snapshot.objects.get(change.id)
        before = stored.object if stored else None
        after = change.object if isinstance(change, Put) else None
        if before is None or after is None or before.document() != after.document():
            yield Edit(change.id, before, after, _allocated(authors.get(change.id), before, after))


def _allocated(given: Intent | None, before: Intent | None, after: Intent | None) -> tuple[str, ...]:
    """Which fields are new and not its author's."""
    if not isinstance(given, Port) or given is after:
        return ()
    fields = [name for name in ("mac", "addresses") if not getattr(given, name)]
    return tuple(name for name in fields if before is None or getattr(before, name) != getattr(after, name))


def _summary(edits: Sequence[Edit]) -> str:
    if len(edits) == 1:
        return f"{edits[0].operation} {edits[0].id}"
    return f"{len(edits)} objects"


def _edited(snapshot: Snapshot, edits: Iterable[Edit], revision: int) -> Snapshot:
    """Return the snapshot with other objects; its own revision and numbers are still the old ones."""
    puts: dict[ObjectId, StoredObject] = {}
    deletes: list[ObjectId] = []
    for edit in edits:
        if edit.after is None:
            deletes.append(edit.id)
        else:
            before = snapshot.objects.get(edit.id)
            puts[edit.id] = StoredObject(edit.after, revision, before.created if before else revision)
    return replace(snapshot, objects=_after(snapshot.objects, puts, deletes))


def _followed(known: Mapping[_K, _V], changes: Mapping[_K, _V | None]) -> Mapping[_K, _V]:
    puts = {key: value for key, value in changes.items() if value is not None}
    return _after(known, puts, changes.keys() - puts.keys())


def _after(known: Mapping[_K, _V], puts: Mapping[_K, _V], deletes: Iterable[_K]) -> Mapping[_K, _V]:
    return (known if isinstance(known, PersistentMap) else PersistentMap(known)).after(puts, deletes)
