# SPDX-License-Identifier: Apache-2.0
"""What both clients send and how they read what comes back; nothing here does I/O."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from p4vpc.client.errors import RefusedError, ServerError, UnreachableError
from p4vpc.client.models import Answer
from p4vpc.errors import IntentError, Problem
from p4vpc.intent import KINDS, Intent, Malformed, ObjectId, from_document, to_document

DEFAULT_SERVER = "http://127.0.0.1:9560"
TIMEOUT_SECONDS = 30.0
PAGE = 1000
MERGE_PATCH = "application/merge-patch+json"

A = TypeVar("A", bound=Answer)
K = TypeVar("K", bound=Intent)


def headers_of(token: str | None) -> dict[str, str]:
    """Tell who is asking. A token that does not fit a header is nobody's."""
    if token is None:
        return {}
    return {"Authorization": "Bearer " + "".join(sign if "!" <= sign <= "~" else "?" for sign in token)}


def condition(if_revision: int | None) -> dict[str, str]:
    """The precondition that the object, or the whole intent, is at a revision; 0: that there is no such object."""
    if if_revision is None:
        return {}
    return {"If-Match": f'"{if_revision}"'} if if_revision else {"If-None-Match": "*"}


def how(is_dry_run: bool, wait_seconds: float | None) -> dict[str, Any]:
    """The query of whatever changes something."""
    query: dict[str, Any] = {"dry_run": "true"} if is_dry_run else {}
    if wait_seconds is not None:
        query["wait"] = wait_seconds
    return query


def given(**values: Any) -> dict[str, Any]:
    """Those of the values that are given."""
    return {name: value for name, value in values.items() if value is not None}


def timeout_of(query: Mapping[str, Any] | None, seconds: float) -> httpx.Timeout:
    """How long an answer may take: longer, where it is asked to wait."""
    waits = float(query.get("wait", 0)) if query else 0.0
    return httpx.Timeout(seconds, read=seconds + waits)


def path_of(object_id: ObjectId) -> str:
    """Where an object lives."""
    return f"/v1/{KINDS[object_id.kind].collection}/{object_id.key}"


def reference(object_id: ObjectId) -> dict[str, str]:
    """An object by name."""
    return {"kind": object_id.kind, "key": object_id.key}


def submission(objects: Iterable[Intent], malformed: Malformed | None) -> dict[str, Any]:
    """The body of `apply` and `diff`."""
    return {
        "objects": [to_document(intent) for intent in objects],
        "malformed": [
            {
                **reference(object_id),
                "references": [{"field": field, **reference(target)} for field, target in references],
            }
            for object_id, references in (malformed or {}).items()
        ],
    }


def validated(kind: type[A], answer: object, server: str) -> A:
    """An answer of a known form.

    Raises:
        ServerError: it is none of ours.
    """
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise ServerError(f"{server} gave an answer that is none of ours: {where}: {wrong['msg']}") from None


def intent_of(kind: type[K], document: Mapping[str, Any], server: str) -> K:
    """An object that the server has.

    Raises:
        ServerError: it is not as this version knows such objects.
    """
    try:
        intent = from_document(dict(document))
    except IntentError as error:
        raise ServerError(f"{server} has an object that this version does not know: {error}") from None
    if not isinstance(intent, kind):
        raise ServerError(f"{server} gave an answer that is none of ours: a {intent.kind}")
    return intent


def revision_of(headers: Mapping[str, str], server: str) -> int:
    """The revision that an ETag tells.

    Raises:
        ServerError: there is none.
    """
    tag = headers.get("etag", "").strip('"')
    if not tag.isdecimal():
        raise ServerError(f"{server} gave an answer that is none of ours: no ETag")
    return int(tag)


def json_of(response: httpx.Response, server: str) -> object:
    """The body of an answer.

    Raises:
        ServerError: it is not JSON.
    """
    try:
        answer: object = response.json()
    except ValueError:
        raise ServerError(f"{server} answered {response.status_code} without JSON; is it a controller?") from None
    return answer


def failure(response: httpx.Response, server: str) -> RefusedError | ServerError:
    """What to raise for an answer that is no success.

    Raises:
        ServerError: it is not JSON.
    """
    status, answer = response.status_code, json_of(response, server)
    detail = answer.get("detail", "") if isinstance(answer, dict) else ""
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerError(f"{server} answered {status}: {detail}")
    items = answer.get("problems", []) if isinstance(answer, dict) else []
    fields = Problem.__dataclass_fields__
    problems = [
        Problem(**{name: str(item.get(name, "")) for name in fields}) for item in items if isinstance(item, dict)
    ]
    return RefusedError(problems or [Problem("", "", str(detail) or f"refused with status {status}")], status)


def unreachable(error: Exception, server: str) -> UnreachableError:
    """What to raise if nobody answers."""
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"no answer from {server} in time")
    return UnreachableError(f"no controller at {server}: {error}")
