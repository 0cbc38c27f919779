# SPDX-License-Identifier: Apache-2.0
"""Routes of what has changed: the audit log, and the feed of changes as server-sent events."""

import asyncio
import contextlib
import re
from collections import Counter as Tally
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from p4vpc.api.access import Caller, check_visible_tenant
from p4vpc.api.context import Context
from p4vpc.api.paging import Cursor, Limit, cursor_after, position_of
from p4vpc.api.problems import AsciiJsonResponse, BadRequestError, TooManyRequestsError
from p4vpc.api.schemas import AuditItem, AuditModel, CommitEvent, ObjectChange
from p4vpc.errors import Problem, StoreError
from p4vpc.intent import KINDS, ObjectId, closest
from p4vpc.services import Edit, Operation, Principal
from p4vpc.services.access import tenant_of
from p4vpc.store import AuditPosition, AuditQuery, AuditRecord, ChangeRecord, TokenEvent
from p4vpc.store.audit import TOKEN

KEEP_ALIVE_SECONDS = 15.0
"""How often a silent stream says that it is there, and how soon it ends when its token is revoked."""

_CHANGES_PER_READ = 1000
_RETRY_SECONDS = 1.0
_MAX_REVISION = 2**63 - 1
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "one event `commit` for each commit",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

Text = Annotated[str | None, Query(max_length=300, pattern="^[^\\x00]*$")]
Kinds = Annotated[list[str] | None, Query(alias="kind", description="only these kinds")]
Time = Annotated[AwareDatetime | None, Query(description="RFC 3339, with its zone")]
Since = Annotated[int | None, Query(ge=0, le=_MAX_REVISION, description="only what came after; default: from now on")]


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which changes somebody wants to see."""

    kinds: Collection[str] | None
    tenant: str | None
    vpc: str | None

    def has(self, object_id: ObjectId) -> bool:
        return (
            (self.kinds is None or object_id.kind in self.kinds)
            and self.tenant in (None, tenant_of(object_id))
            and self.vpc in (None, _vpc_of(object_id))
        )


def router(context: Context, closing: asyncio.Event) -> APIRouter:
    """`audit` and `watch`, whose streams end when `closing` is set."""
    routes = APIRouter(prefix="/v1", tags=["history"])
    streams: Tally[str] = Tally()

    @routes.get("/audit", response_model=AuditModel)
    async def audit(
        *,
        caller: Caller,
        limit: Limit = 100,
        cursor: Cursor = None,
        who: Text = None,
        kind: Text = None,
        key: Text = None,
        tenant: Text = None,
        since: Time = None,
        until: Time = None,
    ) -> Response:
        """Who has changed what and when, newest first. A tenant is shown changes of its own objects.

        Operators are shown tokens as well, of kind `token`: made, and revoked. These make no revision and are told with
        the one before.
        """
        check_visible_tenant(caller, tenant)
        query = AuditQuery(
            before=None if cursor is None else _position_of(cursor),
            since=since,
            until=until,
            who=who if caller.is_operator else None,
            kind=kind,
            key=key,
            tenant=tenant if caller.is_operator else caller.tenant,
            is_with_tokens=caller.is_operator,
        )
        records = await context.intents.audit(query, limit)
        first = await context.first_revision(caller)
        known = [record for record in records if record.revision.number >= first]
        items = [item for record in known if (item := _item(caller, record)) and who in (None, item.who)]
        more = _cursor_of(records[-1].position) if len(records) == limit else None
        return AsciiJsonResponse(AuditModel(items=items, next=more))

    @routes.get("/watch", response_class=StreamingResponse, responses=_STREAM)
    async def watch(
        *,
        request: Request,
        caller: Caller,
        kind: Kinds = None,
        tenant: Text = None,
        vpc: Text = None,
        since: Since = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Commits as they are made, as server-sent events.

        The id of an event is the revision: a client that was cut off goes on with `Last-Event-ID`, which counts more
        than `since`, and misses nothing.
        """
        check_visible_tenant(caller, tenant)
        for unknown in set(kind or ()) - KINDS.keys():
            raise BadRequestError(
                Problem("", "kind", f"there is no kind {unknown[:60]!r}", closest(unknown, KINDS), "query")
            )
        current = (await context.intents.snapshot()).revision
        start = current if since is None else since
        if last_event_id is not None:
            start = _last_event(last_event_id)
        if start > current:
            message = f"revision {start} does not exist, the last is {current}"
            raise BadRequestError(Problem("", "since", message, "read the objects again, then watch", "request"))
        start = max(start, await context.first_revision(caller) - 1)
        if caller.tenant is not None and streams[caller.tenant] >= context.limits.streams:
            message = f"tenant {caller.tenant} has {context.limits.streams} streams already"
            raise TooManyRequestsError(Problem("", "", message, "end one of them", "request"), KEEP_ALIVE_SECONDS)
        scope = _Scope(None if kind is None else frozenset(kind), tenant, vpc)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = _counted(_events(context, caller, scope, start, closing), streams, caller)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    return routes


async def _events(
    context: Context, caller: Principal, scope: _Scope, position: int, closing: asyncio.Event
) -> AsyncIterator[bytes]:
    yield b": watching\n\n"
    while not closing.is_set():
        try:
            if not await context.controller.access.is_good(caller):
                return
            records = await context.intents.changes_since(position, _CHANGES_PER_READ)
        except StoreError:  # what is missed meanwhile comes when it is back
            yield b": the database is away\n\n"
            await _pause(closing)
            continue
        for revision, group in groupby(records, lambda record: record.revision):
            position = revision
            changes = _changes(caller, (record for record in group if scope.has(record.id)))
            if changes:
                data = AsciiJsonResponse(CommitEvent(revision=revision, changes=list(changes))).body
                yield b"id: %d\nevent: commit\ndata: %s\n\n" % (revision, bytes(data))
        if not records and not await _is_news(context, position, closing):
            yield b": still here\n\n"


async def _counted(events: AsyncIterator[bytes], streams: Tally[str], caller: Principal) -> AsyncIterator[bytes]:
    """The same, counted among the streams of the caller's tenant for as long as it is read."""
    owner = caller.tenant or ""
    streams[owner] += 1
    try:
        async for event in events:
            yield event
    finally:
        streams[owner] -= 1


async def _pause(closing: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_RETRY_SECONDS):
            await closing.wait()


async def _is_news(context: Context, position: int, closing: asyncio.Event) -> bool:
    """Wait for a commit, but not for ever."""
    waiting = (
        asyncio.create_task(context.intents.wait_beyond(position)),
        asyncio.create_task(closing.wait()),
    )
    try:
        done, _ = await asyncio.wait(waiting, timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in waiting:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*waiting, return_exceptions=True)


def _changes(caller: Principal, records: Iterable[ChangeRecord]) -> Sequence[ObjectChange]:
    """What the caller can tell has changed: where its ports are plugged in is not part of it."""
    found = [
        ObjectChange.of(caller, Edit(record.id, record.before, record.after))
        for record in records
        if caller.may_see(record.id)
    ]
    return [change for change in found if change.before != change.after]


def _item(caller: Principal, record: AuditRecord) -> AuditItem | None:
    changes = list(_changes(caller, record.changes)) if record.token is None else [_token_change(record.token)]
    is_known = caller.is_operator or record.who_of_tenant == caller.tenant
    if not changes and not caller.is_operator:
        return None
    return AuditItem(
        revision=record.revision.number,
        time=record.revision.time.isoformat(),
        who=record.revision.who if is_known else "operator",
        summary=record.revision.summary if caller.is_operator else "",
        changes=changes,
    )


def _vpc_of(object_id: ObjectId) -> str | None:
    fields = (*KINDS[object_id.kind].name_fields,)
    names = dict(zip(fields, object_id.key.split("/"), strict=False))
    return names.get("name" if object_id.kind == "vpc" else "vpc")


def _token_change(event: TokenEvent) -> ObjectChange:
    token = event.token
    document = {"kind": TOKEN, "name": token.name, "role": token.role.value}
    if token.tenant is not None:
        document["tenant"] = token.tenant
    return ObjectChange(
        operation=Operation.DELETE if event.is_end else Operation.CREATE,
        kind=TOKEN,
        key=token.name,
        before=document if event.is_end else None,
        after=None if event.is_end else document,
        allocated=[],
    )


def _cursor_of(position: AuditPosition) -> str:
    return cursor_after(f"{position.revision},{position.time_us},{position.token},{int(position.is_end)}")


def _position_of(cursor: str) -> AuditPosition:
    words = re.fullmatch(r"(\d{1,19}),(\d{1,19}),([a-z0-9-]{0,63}),([01])", position_of(cursor), re.ASCII)
    if words is None or max(int(words[1]), int(words[2])) > _MAX_REVISION:
        raise BadRequestError(Problem("", "cursor", "is no cursor of this list", "`next` of the page before", "query"))
    return AuditPosition(int(words[1]), int(words[2]), words[3], words[4] == "1")


def _last_event(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value) <= _MAX_REVISION):
        remedy = "the id of the last event that was received"
        raise BadRequestError(Problem("", "Last-Event-ID", f"{value[:40]!r} is no revision", remedy, "request"))
    return int(value)
