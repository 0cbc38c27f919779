# SPDX-License-Identifier: Apache-2.0
"""Client of the REST API for asyncio. `client.py` is made from this file by tools/unasync.py."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from p4vpc.client import wire
from p4vpc.client.errors import ServerError, UnreachableError
from p4vpc.client.events import EventReader
from p4vpc.client.models import (
    ApplyResult,
    Audit,
    AuditItem,
    CommitEvent,
    Counters,
    CreatedToken,
    Drops,
    DropSamples,
    Identifiers,
    ObjectList,
    ObjectStatus,
    Status,
    TokenInfo,
    Tokens,
    Versioned,
    VpcSnapshot,
)
from p4vpc.client.retries import TOO_MANY_REQUESTS, UNAVAILABLE, Retries
from p4vpc.client.tls import ClientTls
from p4vpc.client.traces import Trace
from p4vpc.intent import KINDS, Intent, Malformed, ObjectId, parse_id, to_document

RECONNECT_SECONDS = 1.0
LAST_RECONNECT_SECONDS = 15.0
SLICE_SECONDS = 30.0
"""Longest time that one request waits; whoever waits longer asks again."""


class AsyncClient:
    """One controller. Use it as a context manager.

    Args:
        server: URL of the controller.
        token: secret that tells who is asking.
        tls: whom to believe and what to show, if not what the system does.
        retries: how often requests are sent again when the controller cannot serve them at the moment.
        timeout_seconds: how long an answer may take, in addition to what it is asked to wait.
        transport: another way to it, for tests.
        sleep: waits so many seconds.

    Every method raises `RefusedError` if the controller refuses the request, `UnreachableError` if nobody answers, and
    `ServerError` if the controller has failed or what answers is none. `wait_seconds` (at most 600) answers only when
    all switches show the change, or after so many seconds; see `wait` for longer times. `is_dry_run` only tells the
    difference. `if_revision` refuses the change (status 412) unless what is changed is at that revision.
    """

    def __init__(
        self,
        server: str = wire.DEFAULT_SERVER,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        retries: Retries | None = None,
        timeout_seconds: float = wire.TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ):
        self._server = server
        self._retries = retries or Retries()
        self._sleep = sleep
        self._timeout_seconds = timeout_seconds
        verify = True if tls is None else tls.context()
        try:
            self._http = httpx.AsyncClient(
                base_url=server,
                headers=wire.headers_of(token),
                verify=verify,
                timeout=timeout_seconds,
                transport=transport,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise UnreachableError(f"{server!r} is not the URL of a controller: {error}") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def apply(
        self,
        objects: Iterable[Intent],
        *,
        malformed: Malformed | None = None,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
        if_revision: int | None = None,
    ) -> ApplyResult:
        """Create or replace objects, all or none.

        Args:
            objects: whole objects.
            malformed: objects that could not be read. With any of these nothing is changed, but references to them
                are no mistake of their own; their own ones are checked.
            is_dry_run, wait_seconds: see the class.
            if_revision: that of the whole intent.
        """
        query, body = wire.how(is_dry_run, wait_seconds), wire.submission(objects, malformed)
        return await self._call(ApplyResult, "POST", "/v1/apply", query, body, headers=wire.condition(if_revision))

    async def diff(
        self, objects: Iterable[Intent], *, malformed: Malformed | None = None, if_revision: int | None = None
    ) -> ApplyResult:
        """Tell what `apply` would change; a token for reading is enough."""
        body, headers = wire.submission(objects, malformed), wire.condition(if_revision)
        return await self._call(ApplyResult, "POST", "/v1/diff", None, body, headers=headers)

    async def delete(
        self,
        ids: Iterable[ObjectId],
        *,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
        if_revision: int | None = None,
    ) -> ApplyResult:
        """Delete objects, all or none. Refused (409) while others refer to them; `if_revision` is the intent's."""
        query, body = wire.how(is_dry_run, wait_seconds), [wire.reference(object_id) for object_id in ids]
        return await self._call(ApplyResult, "POST", "/v1/delete", query, body, headers=wire.condition(if_revision))

    async def put(
        self,
        intent: Intent,
        *,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
        if_revision: int | None = None,
    ) -> ApplyResult:
        """Create one object, or replace it. `if_revision` is its own; 0: it must not exist yet."""
        path, query = wire.path_of(intent.id), wire.how(is_dry_run, wait_seconds)
        headers = wire.condition(if_revision)
        return await self._call(ApplyResult, "PUT", path, query, to_document(intent), headers=headers)

    async def patch(
        self,
        object_id: ObjectId,
        changes: Mapping[str, Any],
        *,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
        if_revision: int | None = None,
    ) -> ApplyResult:
        """Change fields of one object (RFC 7396): None removes one, a list is replaced as a whole."""
        query = wire.how(is_dry_run, wait_seconds)
        headers = {"Content-Type": wire.MERGE_PATCH, **wire.condition(if_revision)}
        return await self._call(ApplyResult, "PATCH", wire.path_of(object_id), query, dict(changes), headers=headers)

    async def delete_one(
        self,
        object_id: ObjectId,
        *,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
        if_revision: int | None = None,
    ) -> ApplyResult:
        """Delete one object. Refused (409) while others refer to it; `if_revision` is its own."""
        path, query = wire.path_of(object_id), wire.how(is_dry_run, wait_seconds)
        return await self._call(ApplyResult, "DELETE", path, query, None, headers=wire.condition(if_revision))

    async def snapshot(self, vpc: str, *, revision: int | None = None) -> VpcSnapshot:
        """A VPC (`red/prod`) and all that is in it, or was at a revision."""
        path = f"{wire.path_of(parse_id('vpc', vpc))}/snapshot"
        return await self._call(VpcSnapshot, "GET", path, wire.given(revision=revision))

    async def rollback(
        self,
        vpc: str,
        revision: int,
        *,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
        if_revision: int | None = None,
    ) -> ApplyResult:
        """Make a VPC and all that is in it what it was at a revision, in one commit; `if_revision` is the intent's."""
        path = f"{wire.path_of(parse_id('vpc', vpc))}/rollback"
        query = wire.how(is_dry_run, wait_seconds) | {"revision": revision}
        return await self._call(ApplyResult, "POST", path, query, headers=wire.condition(if_revision))

    async def clone(
        self,
        vpc: str,
        to: str,
        *,
        revision: int | None = None,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
    ) -> ApplyResult:
        """Make another VPC of the same tenant, called `to`: same addresses and MACs, its ports plugged in nowhere."""
        path = f"{wire.path_of(parse_id('vpc', vpc))}/clone"
        query = wire.how(is_dry_run, wait_seconds) | wire.given(to=to, revision=revision)
        return await self._call(ApplyResult, "POST", path, query)

    async def get(self, object_id: ObjectId) -> Mapping[str, Any]:
        """One object as a document."""
        return (await self._get(object_id))[0]

    async def read(self, kind: type[wire.K], key: str) -> Versioned[wire.K]:
        """One object, and the revision of its last change: `(await api.read(Port, "red/prod/web-1")).object`."""
        document, headers = await self._get(parse_id(kind.model_fields["kind"].default, key))
        return Versioned(wire.intent_of(kind, document, self._server), wire.revision_of(headers, self._server))

    async def _get(self, object_id: ObjectId) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        response = await self._request("GET", wire.path_of(object_id))
        answer = wire.json_of(response, self._server)
        if not isinstance(answer, dict):
            raise ServerError(f"{self._server} did not answer with an object")
        return answer, response.headers

    async def list(
        self,
        kind: str,
        *,
        tenant: str | None = None,
        vpc: str | None = None,
        narrowed: Mapping[str, str] | None = None,
        page: int = wire.PAGE,
    ) -> Sequence[Mapping[str, Any]]:
        """All objects of a kind as documents, sorted by key.

        Args:
            kind: of the objects.
            tenant, vpc: only what belongs to these.
            narrowed: more filters that the kind has, such as `subnet` of ports.
            page: how many are asked for at a time.
        """
        query: dict[str, Any] = wire.given(tenant=tenant, vpc=vpc, limit=page, **(narrowed or {}))
        items: list[Mapping[str, Any]] = []
        while True:
            found = await self._call(ObjectList, "GET", f"/v1/{KINDS[kind].collection}", query)
            items += found.items
            if found.next is None:
                return items
            query["cursor"] = found.next

    async def list_page(
        self, kind: str, *, tenant: str | None = None, vpc: str | None = None, limit: int = wire.PAGE
    ) -> Sequence[Mapping[str, Any]]:
        """The first objects of a kind, at most `limit`: where not all are needed."""
        query = wire.given(tenant=tenant, vpc=vpc, limit=limit)
        return (await self._call(ObjectList, "GET", f"/v1/{KINDS[kind].collection}", query)).items

    async def read_all(
        self,
        kind: type[wire.K],
        *,
        tenant: str | None = None,
        vpc: str | None = None,
        narrowed: Mapping[str, str] | None = None,
    ) -> Sequence[wire.K]:
        """All objects of a kind, sorted by key; narrowed as by `list`."""
        name = kind.model_fields["kind"].default
        documents = await self.list(name, tenant=tenant, vpc=vpc, narrowed=narrowed)
        return [wire.intent_of(kind, document, self._server) for document in documents]

    async def status(self, *, wait_seconds: float | None = None, revision: int | None = None) -> Status:
        """Every switch; after all show the revision (the last if not given), or after so many seconds."""
        query = wire.how(False, wait_seconds) | wire.given(revision=revision)
        return await self._call(Status, "GET", "/v1/status", query)

    async def wait(
        self,
        revision: int | None = None,
        *,
        seconds: float = 60.0,
        on_progress: Callable[[Status], None] = lambda status: None,
        slice_seconds: float = SLICE_SECONDS,
    ) -> Status:
        """Wait until all switches show a revision (the last if not given); `outcome` says what came of it.

        A controller that is away in between, because it is started again, is waited for as well.

        Args:
            revision: a committed one.
            seconds: how long to wait.
            on_progress: told now and then how far it is.
            slice_seconds: how long one request waits at most, so how often there is news.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                found = await self.status(wait_seconds=min(left, slice_seconds), revision=revision)
            except (UnreachableError, ServerError):
                if left <= RECONNECT_SECONDS:
                    raise
                await self._sleep(RECONNECT_SECONDS)
                continue
            on_progress(found)
            if found.outcome != "timeout" or left <= slice_seconds:
                return found

    async def object_status(self, object_id: ObjectId, *, wait_seconds: float | None = None) -> ObjectStatus:
        """Whether the switches show one object."""
        path = f"{wire.path_of(object_id)}/status"
        return await self._call(ObjectStatus, "GET", path, wire.how(False, wait_seconds))

    async def identifiers(self, pools: Sequence[str] = (), *, owner: str | None = None) -> Identifiers:
        """Numbers that objects have on the wire and in tables; of all pools, or of those named."""
        query = wire.given(pool=[*pools], owner=owner)
        return await self._call(Identifiers, "GET", "/v1/identifiers", query)

    async def drops(self, switches: Sequence[str] = ()) -> Drops:
        """Packets dropped so far, by all switches or by those named."""
        return await self._call(Drops, "GET", "/v1/drops", {"switch": [*switches]})

    async def drop_samples(
        self,
        switches: Sequence[str] = (),
        reasons: Sequence[str] = (),
        *,
        after: int = 0,
        wait_seconds: float | None = None,
    ) -> DropSamples:
        """What switches have shown of what they drop, and of what rules of network ACLs log.

        Args:
            switches: only these.
            reasons: only these drop reasons; `acl_log` for what rules log.
            after: only samples with higher numbers.
            wait_seconds: if there is none yet, wait so long for one.
        """
        query: dict[str, Any] = {"switch": [*switches], "reason": [*reasons], "after": after}
        return await self._call(DropSamples, "GET", "/v1/drops/samples", query | wire.how(False, wait_seconds))

    async def counters(self, switches: Sequence[str] = (), tables: Sequence[str] = ()) -> Counters:
        """Counters of table entries with the objects they come from."""
        query = {"switch": [*switches], "table": [*tables]}
        return await self._call(Counters, "GET", "/v1/counters", query)

    async def audit(
        self,
        *,
        limit: int = 100,
        who: str | None = None,
        kind: str | None = None,
        key: str | None = None,
        tenant: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Sequence[AuditItem]:
        """Who has changed what, newest first.

        Args:
            limit: most commits.
            who: name of a token.
            kind, key: only changes of these objects; kind `token`: made and revoked tokens.
            tenant: only changes of what belongs to it.
            since, until: when; RFC 3339 with a zone.
        """
        found: list[AuditItem] = []
        query = wire.given(who=who, kind=kind, key=key, tenant=tenant, since=since, until=until)
        while True:
            query["limit"] = min(limit - len(found), wire.PAGE)
            page = await self._call(Audit, "GET", "/v1/audit", query)
            found += page.items
            if page.next is None or len(found) >= limit:
                return found
            query["cursor"] = page.next

    async def watch(
        self, *, kinds: Sequence[str] = (), tenant: str | None = None, vpc: str | None = None, since: int | None = None
    ) -> AsyncIterator[CommitEvent]:
        """Commits as they are made, for ever; a connection that breaks is made again, and nothing is missed.

        Args:
            kinds, tenant, vpc: only changes of these.
            since: a revision; only what came after it. None: from now on.

        Raises:
            RefusedError: a filter makes no sense, or the token is not good (any more).
            UnreachableError: there is no controller at the beginning.
            ServerError: what answers is none.
        """
        query = wire.given(kind=[*kinds], tenant=tenant, vpc=vpc, since=since)
        position: str | None = None
        is_first = True
        pause = RECONNECT_SECONDS
        while True:
            headers = {} if position is None else {"Last-Event-ID": position}
            try:
                async with self._http.stream("GET", "/v1/watch", params=query, headers=headers) as response:
                    if response.is_success:
                        is_first, pause = False, RECONNECT_SECONDS
                        reader = EventReader()
                        async for line in response.aiter_lines():
                            event = reader.read(line)
                            if event is not None:
                                position = event.id or position
                                yield wire.validated(CommitEvent, json.loads(event.data), self._server)
                    else:
                        await response.aread()
                        if response.status_code not in (TOO_MANY_REQUESTS, UNAVAILABLE):
                            raise wire.failure(response, self._server)
            except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                if is_first:
                    raise wire.unreachable(error, self._server) from None
            except ServerError:
                if is_first:
                    raise
            await self._sleep(pause)
            pause = min(pause * 2, LAST_RECONNECT_SECONDS)

    async def trace(
        self,
        source: str | None = None,
        destination: str | None = None,
        *,
        protocol: str | int | None = None,
        family: int | None = None,
        source_port: int | None = None,
        destination_port: int | None = None,
        icmp_type: int | None = None,
        icmp_code: int | None = None,
        ttl: int | None = None,
        length: int | None = None,
        vlan: int | None = None,
        source_address: str | None = None,
        source_mac: str | None = None,
        destination_mac: str | None = None,
        frame: str | None = None,
        at: tuple[str, int] | None = None,
        reply: bool = False,
        established: bool = False,
        realised: bool = False,
        detailed: bool = False,
    ) -> Trace:
        """Tell what becomes of a packet, without sending any; a token for reading is enough, for ports of its tenant.

        Args:
            source: key of the port that sends it: `red/prod/web-1`.
            destination: an address, or a port of the same VPC by key or name.
            protocol: tcp, udp, icmp, icmpv6, arp, nd, or a number; an echo request, or TCP with ports, if not given.
            family: 4 or 6, where the destination is a port that has both.
            source_port, destination_port, icmp_type, icmp_code, ttl, vlan: what the headers say.
            length: octets of the IP packet.
            source_address, source_mac, destination_mac: other ones than a host there would use.
            frame, at: a whole frame in hex, and the switch and switch port where it enters (operators).
            reply: the answer is traced too.
            established: a packet of the other direction has passed before.
            realised: by what switches hold, instead of what they shall hold (operators).
            detailed: with every step of each switch (operators).
        """
        packet = wire.given(
            source=source,
            destination=destination,
            protocol=protocol,
            family=family,
            source_port=source_port,
            destination_port=destination_port,
            icmp_type=icmp_type,
            icmp_code=icmp_code,
            ttl=ttl,
            length=length,
            vlan=vlan,
            source_address=source_address,
            source_mac=source_mac,
            destination_mac=destination_mac,
            frame=frame,
            at=None if at is None else {"switch": at[0], "port": at[1]},
        )
        how = {"reply": reply, "established": established, "realised": realised, "detailed": detailed}
        return await self._call(Trace, "POST", "/v1/trace", None, packet | how)

    async def tokens(self) -> Tokens:
        """All tokens, revoked ones too."""
        return await self._call(Tokens, "GET", "/v1/tokens")

    async def create_token(self, name: str, role: str, tenant: str | None = None) -> CreatedToken:
        """Make a token of the role operator, tenant-admin or tenant-viewer; its secret is told this once."""
        body = {"name": name, "role": role, "tenant": tenant}
        return await self._call(CreatedToken, "POST", "/v1/tokens", body=body)

    async def revoke_token(self, name: str) -> TokenInfo:
        """End a token, at once and for ever. Refused (409) for the last one of an operator."""
        return await self._call(TokenInfo, "DELETE", f"/v1/tokens/{quote(name, safe='')}")

    async def is_alive(self) -> bool:
        """Whether the controller answers. Needs no token."""
        try:
            return (await self._send("GET", "/healthz")).is_success
        except UnreachableError:
            return False

    async def is_ready(self) -> bool:
        """Whether the controller can serve: it has read the intent and compiled it. Needs no token."""
        try:
            return (await self._send("GET", "/readyz")).is_success
        except UnreachableError:
            return False

    async def metrics(self) -> str:
        """Prometheus text format."""
        return (await self._request("GET", "/metrics")).text

    async def _call(
        self,
        kind: type[wire.A],
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> wire.A:
        response = await self._request(method, path, query, body, headers=headers)
        return wire.validated(kind, wire.json_of(response, self._server), self._server)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send until there is an answer that counts."""
        attempt = 1
        while True:
            response = await self._send(method, path, query, body, headers=headers)
            if response.is_success:
                return response
            pause = self._retries.pause(attempt, method, path, response.status_code, response.headers)
            if pause is None:
                raise wire.failure(response, self._server)
            await self._sleep(pause)
            attempt += 1

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = None if body is None else json.dumps(body).encode("ascii")
        sent = {} if body is None else {"Content-Type": "application/json"}
        try:
            return await self._http.request(
                method,
                path,
                params=query,
                content=content,
                headers={**sent, **(headers or {})},
                timeout=wire.timeout_of(query, self._timeout_seconds),
            )
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise wire.unreachable(error, self._server) from None
