# SPDX-License-Identifier: Apache-2.0
"""Blocking client of the REST API."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from p4vpc.client.events import read_events
from p4vpc.client.models import (
    Answer,
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
)
from p4vpc.client.tls import ClientTls
from p4vpc.errors import ClientError, Problem, UserError
from p4vpc.intent import KINDS, Intent, Malformed, ObjectId, to_document

DEFAULT_SERVER = "http://127.0.0.1:9560"
TIMEOUT_SECONDS = 30.0
RECONNECT_SECONDS = 1.0

_PAGE = 1000

_A = TypeVar("_A", bound=Answer)


class UnreachableError(ClientError):
    """No controller answers at that address."""


class ServerError(ClientError):
    """The controller has failed, or what answers is none."""


class RefusedError(UserError):
    """The controller has refused the request; `problems` lists everything that is wrong.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, problems: Iterable[Problem], status: int):
        super().__init__(problems)
        self.status = status


class Client:
    """One controller. Use it as a context manager.

    Args:
        server: URL of the controller.
        token: secret that tells who is asking.
        tls: whom to believe and what to show, if not what the system does.
        transport: another way to it, for tests.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        transport: httpx.BaseTransport | None = None,
    ):
        self._server = server
        verify = True if tls is None else tls.context()
        headers = {} if token is None else {"Authorization": f"Bearer {_printable(token)}"}
        try:
            self._http = httpx.Client(
                base_url=server, headers=headers, verify=verify, timeout=TIMEOUT_SECONDS, transport=transport
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise UnreachableError(f"{server!r} is not the URL of a controller: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def apply(
        self,
        objects: Iterable[Intent],
        *,
        malformed: Malformed | None = None,
        is_dry_run: bool = False,
        wait_seconds: float | None = None,
    ) -> ApplyResult:
        """Create or replace objects, all or none.

        Args:
            objects: whole objects.
            malformed: objects that could not be read. With any of these nothing is changed, but references to them
                are no mistake of their own; their own ones are checked.
            is_dry_run: only tell the difference.
            wait_seconds: wait so long until all switches show the change.

        Raises:
            RefusedError: nothing was changed; all reasons.
            UnreachableError, ServerError: see there.
        """
        body = {
            "objects": [to_document(intent) for intent in objects],
            "malformed": [
                {
                    **_reference(object_id),
                    "references": [{"field": field, **_reference(target)} for field, target in references],
                }
                for object_id, references in (malformed or {}).items()
            ],
        }
        return self._call(ApplyResult, "POST", "/v1/apply", _how(is_dry_run, wait_seconds), body)

    def delete(
        self, ids: Iterable[ObjectId], *, is_dry_run: bool = False, wait_seconds: float | None = None
    ) -> ApplyResult:
        """Delete objects, all or none.

        Raises:
            RefusedError: one does not exist, or is still referenced; nothing was changed.
            UnreachableError, ServerError: see there.
        """
        body = [_reference(object_id) for object_id in ids]
        return self._call(ApplyResult, "POST", "/v1/delete", _how(is_dry_run, wait_seconds), body)

    def get(self, object_id: ObjectId) -> Mapping[str, Any]:
        """One object as a document.

        Raises:
            RefusedError: there is none.
            UnreachableError, ServerError: see there.
        """
        answer = self._request("GET", f"/v1/{KINDS[object_id.kind].collection}/{object_id.key}")
        if not isinstance(answer, dict):
            raise ServerError(f"{self._server} did not answer with an object")
        return answer

    def list(
        self,
        kind: str,
        *,
        tenant: str | None = None,
        vpc: str | None = None,
        narrowed: Mapping[str, str] | None = None,
    ) -> Sequence[Mapping[str, Any]]:
        """All objects of a kind as documents, sorted by key.

        Args:
            kind: of the objects.
            tenant, vpc: only what belongs to these.
            narrowed: more filters that the kind has, such as `subnet` of ports.

        Raises:
            RefusedError: there is no such filter, or this is not ours to see.
            UnreachableError, ServerError: see there.
        """
        filters = {"tenant": tenant, "vpc": vpc, **(narrowed or {})}
        query = {name: value for name, value in filters.items() if value is not None}
        items: list[Mapping[str, Any]] = []
        while True:
            page = self._call(ObjectList, "GET", f"/v1/{KINDS[kind].collection}", query)
            items += page.items
            if page.next is None:
                return items
            query["cursor"] = page.next

    def status(self, *, wait_seconds: float | None = None) -> Status:
        """Every switch; after all show the last revision, or after so many seconds.

        Raises:
            UnreachableError, ServerError: see there.
        """
        return self._call(Status, "GET", "/v1/status", _how(False, wait_seconds))

    def object_status(self, object_id: ObjectId, *, wait_seconds: float | None = None) -> ObjectStatus:
        """Whether the switches show one object.

        Raises:
            RefusedError: there is none.
            UnreachableError, ServerError: see there.
        """
        path = f"/v1/{KINDS[object_id.kind].collection}/{object_id.key}/status"
        return self._call(ObjectStatus, "GET", path, _how(False, wait_seconds))

    def identifiers(self, pools: Sequence[str] = ()) -> Identifiers:
        """Numbers that objects have on the wire and in tables; of all pools, or of those named.

        Raises:
            UnreachableError, ServerError: see there.
        """
        return self._call(Identifiers, "GET", "/v1/identifiers", {"pool": list(pools)})

    def drops(self, switches: Sequence[str] = ()) -> Drops:
        """Packets dropped so far.

        Raises:
            RefusedError: there is no such switch.
            UnreachableError, ServerError: see there.
        """
        return self._call(Drops, "GET", "/v1/drops", {"switch": list(switches)})

    def drop_samples(
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

        Raises:
            RefusedError: there is no such switch or reason.
            UnreachableError, ServerError: see there.
        """
        query: dict[str, Any] = {"switch": list(switches), "reason": list(reasons), "after": after}
        return self._call(DropSamples, "GET", "/v1/drops/samples", query | _how(False, wait_seconds))

    def counters(self, switches: Sequence[str] = (), tables: Sequence[str] = ()) -> Counters:
        """Counters of table entries with the objects they come from.

        Raises:
            RefusedError: there is no such switch or table.
            UnreachableError, ServerError: see there.
        """
        return self._call(Counters, "GET", "/v1/counters", {"switch": list(switches), "table": list(tables)})

    def audit(self, *, limit: int = 100, **filters: str | None) -> Sequence[AuditItem]:
        """Who has changed what, newest first; at most `limit` commits.

        Args:
            limit: most commits.
            filters: `who`, `kind`, `key`, `tenant`, `since`, `until`; None: whichever.

        Raises:
            RefusedError: a filter makes no sense.
            UnreachableError, ServerError: see there.
        """
        found: list[AuditItem] = []
        query: dict[str, Any] = {name: value for name, value in filters.items() if value is not None}
        while True:
            query["limit"] = min(limit - len(found), _PAGE)
            page = self._call(Audit, "GET", "/v1/audit", query)
            found += page.items
            if page.next is None or len(found) >= limit:
                return found
            query["cursor"] = page.next

    def watch(
        self, *, kinds: Sequence[str] = (), tenant: str | None = None, vpc: str | None = None, since: int | None = None
    ) -> Iterator[CommitEvent]:
        """Commits as they are made, for ever; a connection that breaks is made again, and nothing is missed.

        Args:
            kinds, tenant, vpc: only changes of these.
            since: a revision; only what came after it. None: from now on.

        Raises:
            RefusedError: a filter makes no sense, or the token is not good (any more).
            UnreachableError: there is no controller at the beginning.
            ServerError: what answers is none.
        """
        scope = {"kind": list(kinds), "tenant": tenant, "vpc": vpc, "since": since}
        query = {name: value for name, value in scope.items() if value is not None}
        position: str | None = None
        is_first = True
        while True:
            headers = {} if position is None else {"Last-Event-ID": position}
            try:
                with self._http.stream(
                    "GET", "/v1/watch", params=query, headers=headers, timeout=httpx.Timeout(TIMEOUT_SECONDS)
                ) as response:
                    if not response.is_success:
                        response.read()
                        raise self._failure(response.status_code, self._answer(response))
                    is_first = False
                    for event in read_events(response.iter_lines()):
                        position = event.id or position
                        yield self._validated(CommitEvent, json.loads(event.data))
            except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                if is_first:
                    raise UnreachableError(f"no controller at {self._server}: {error}") from None
            except ServerError:
                if is_first:
                    raise
            time.sleep(RECONNECT_SECONDS)

    def tokens(self) -> Tokens:
        """All tokens, revoked ones too.

        Raises:
            RefusedError: only an operator may ask.
            UnreachableError, ServerError: see there.
        """
        return self._call(Tokens, "GET", "/v1/tokens")

    def create_token(self, name: str, role: str, tenant: str | None = None) -> CreatedToken:
        """Make a token; its secret is told this once.

        Raises:
            RefusedError: it makes no sense, or there has been one of this name.
            UnreachableError, ServerError: see there.
        """
        body = {"name": name, "role": role, "tenant": tenant}
        return self._call(CreatedToken, "POST", "/v1/tokens", body=body)

    def revoke_token(self, name: str) -> TokenInfo:
        """End a token.

        Raises:
            RefusedError: there is none, or it is the last one of an operator.
            UnreachableError, ServerError: see there.
        """
        return self._call(TokenInfo, "DELETE", f"/v1/tokens/{quote(name, safe='')}")

    def _call(
        self, kind: type[_A], method: str, path: str, query: Mapping[str, Any] | None = None, body: object = None
    ) -> _A:
        return self._validated(kind, self._request(method, path, query, body))

    def _validated(self, kind: type[_A], answer: object) -> _A:
        try:
            return kind.model_validate(answer)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise ServerError(f"{self._server} gave an answer that is none of ours: {where}: {wrong['msg']}") from None

    def _request(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: object = None) -> object:
        waits = float(query.get("wait", 0)) if query else 0.0
        try:
            response = self._http.request(
                method,
                path,
                params=query,
                json=body,
                timeout=httpx.Timeout(TIMEOUT_SECONDS, read=TIMEOUT_SECONDS + waits),
            )
        except httpx.TimeoutException:
            raise UnreachableError(f"no answer from {self._server} in time") from None
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise UnreachableError(f"no controller at {self._server}: {error}") from None
        answer = self._answer(response)
        if response.is_success:
            return answer
        raise self._failure(response.status_code, answer)

    def _answer(self, response: httpx.Response) -> object:
        try:
            answer: object = response.json()
        except ValueError:
            raise ServerError(
                f"{self._server} answered {response.status_code} without JSON; is it a controller?"
            ) from None
        return answer

    def _failure(self, status: int, answer: object) -> RefusedError | ServerError:
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        if status >= 500:
            return ServerError(f"{self._server} answered {status}: {detail}")
        items = answer.get("problems", []) if isinstance(answer, dict) else []
        fields = Problem.__dataclass_fields__
        problems = [
            Problem(**{name: str(item.get(name, "")) for name in fields}) for item in items if isinstance(item, dict)
        ]
        return RefusedError(problems or [Problem("", "", str(detail) or f"refused with status {status}")], status)


def _printable(token: str) -> str:
    """A token that fits a header: one that does not is nobody's."""
    return "".join(character if "!" <= character <= "~" else "?" for character in token)


def _how(is_dry_run: bool, wait_seconds: float | None) -> dict[str, Any]:
    query: dict[str, Any] = {"dry_run": "true"} if is_dry_run else {}
    if wait_seconds is not None:
        query["wait"] = wait_seconds
    return query


def _reference(object_id: ObjectId) -> dict[str, str]:
    return {"kind": object_id.kind, "key": object_id.key}
