# SPDX-License-Identifier: Apache-2.0
"""Reading bodies: JSON or YAML, of bounded size, into documents and objects."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from fastapi import Request

from p4vpc.api.merge_patch import MEDIA_TYPE as MERGE_PATCH
from p4vpc.api.problems import BadRequestError, BodyTooLargeError, UnsupportedMediaTypeError
from p4vpc.errors import IntentError, Problem
from p4vpc.intent import Malformed, ObjectId, Reading, Reference, parse_id, read_documents, read_yaml
from p4vpc.services import Principal

DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024
_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
_SOURCE = "request"
_MALFORMED = (
    'items like {"kind": "port", "key": "red/prod/a", '
    '"references": [{"field": "subnet", "kind": "subnet", "key": "red/prod/web"}]}, references if any can be read'
)


@dataclass(frozen=True, slots=True)
class Submission:
    """Objects that a request has, and what it says of others that its author could not read.

    Attributes:
        reading: what was read, with all mistakes of shape.
        malformed: objects that the client itself found malformed and did not send, with what they refer to.
    """

    reading: Reading
    malformed: Malformed


class BodyReader:
    """Reads bodies of at most so many bytes, of tenants of fewer. Whoever calls has been asked who it is."""

    def __init__(self, max_bytes: int, tenant_max_bytes: int):
        self._max_bytes = max_bytes
        self._tenant_max_bytes = min(max_bytes, tenant_max_bytes)

    async def submission(self, request: Request) -> Submission:
        """A stream of YAML documents, a JSON list of objects, one JSON object, or `{objects, malformed}`.

        Raises:
            UnsupportedMediaTypeError, BodyTooLargeError, BadRequestError: the body as a whole cannot be read.
        """
        read = _yaml_submission if _is_yaml(request) else _json_submission
        return await asyncio.to_thread(read, await self._bytes(request))

    async def ids(self, request: Request) -> list[ObjectId]:
        """Which objects a request names: by whole objects as in `submission`, or as a JSON list of `{kind, key}`.

        Raises:
            UnsupportedMediaTypeError, BodyTooLargeError, BadRequestError: the body as a whole cannot be read.
            IntentError: all mistakes in what it says.
        """
        read = _yaml_ids if _is_yaml(request) else _json_ids
        return await asyncio.to_thread(read, await self._bytes(request))

    async def document(self, request: Request) -> Mapping[str, Any]:
        """One mapping.

        Raises:
            UnsupportedMediaTypeError, BodyTooLargeError, BadRequestError: the body is no such thing.
        """
        parse = _parse_yaml if _is_yaml(request) else _parse_json
        value = parse(await self._bytes(request))
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise _bad("the body is not an object", "one object with its fields")
        return value

    async def patch(self, request: Request) -> Mapping[str, Any]:
        """A merge patch of one object.

        Raises:
            UnsupportedMediaTypeError, BodyTooLargeError, BadRequestError: the body is no such thing.
        """
        media_type = _media_type(request)
        if media_type not in (MERGE_PATCH, "application/json"):
            message = f"Content-Type is {media_type[:80]!r}" if media_type else "Content-Type is missing"
            raise UnsupportedMediaTypeError(Problem("", "", message, MERGE_PATCH, _SOURCE))
        value = _parse_json(await self._bytes(request))
        if not isinstance(value, dict):
            raise _bad("the body is not an object", "the fields that are to change")
        return value

    async def _bytes(self, request: Request) -> bytes:
        principal: Principal = request.state.principal
        limit = self._max_bytes if principal.is_operator else self._tenant_max_bytes
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                message = f"the body is longer than {limit} bytes"
                raise BodyTooLargeError(Problem("", "", message, "send it in parts", _SOURCE))
            chunks.append(chunk)
        return b"".join(chunks)


def _is_yaml(request: Request) -> bool:
    """Whether the body is YAML and not JSON.

    A request must say which. That is also what keeps a web page from making its reader's browser send one: browsers
    ask before they send either type to another site.

    Raises:
        UnsupportedMediaTypeError: it is neither.
    """
    media_type = _media_type(request)
    if media_type == "application/json":
        return False
    if media_type in _YAML_TYPES:
        return True
    message = f"Content-Type is {media_type[:80]!r}" if media_type else "Content-Type is missing"
    raise UnsupportedMediaTypeError(Problem("", "", message, "application/json or application/yaml", _SOURCE))


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _bad(message: str, remedy: str) -> BadRequestError:
    return BadRequestError(Problem("", "", message, remedy, _SOURCE))


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise _bad("the body is nested too deeply", "objects are nested a few levels at most") from None
    except ValueError as error:
        raise _bad(f"the body is not JSON: {error}", "JSON, or YAML with Content-Type: application/yaml") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _parse_yaml(body: bytes) -> object:
    try:
        return yaml.safe_load(body)
    except RecursionError:
        raise _bad("the body is nested too deeply", "objects are nested a few levels at most") from None
    except (yaml.YAMLError, ValueError) as error:
        raise _bad(f"the body is not YAML: {error}", "one YAML document") from None


def _yaml_submission(body: bytes) -> Submission:
    try:
        return Submission(read_yaml(body, _SOURCE), {})
    except RecursionError:
        raise _bad("the body is nested too deeply", "objects are nested a few levels at most") from None


def _json_submission(body: bytes) -> Submission:
    value = _parse_json(body)
    malformed: Malformed = {}
    if isinstance(value, dict) and "objects" in value:
        unknown = value.keys() - {"objects", "malformed"}
        if unknown:
            raise _bad(f"unknown field {min(unknown)!r}", "objects and malformed")
        malformed = _malformed(value.get("malformed", []))
        value = value["objects"]
    elif isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise _bad("the body is not a list of objects", "a JSON list, or a stream of YAML documents")
    return Submission(read_documents(value, _SOURCE), malformed)


def _yaml_ids(body: bytes) -> list[ObjectId]:
    return _ids_of(_yaml_submission(body).reading)


def _json_ids(body: bytes) -> list[ObjectId]:
    value = _parse_json(body)
    if isinstance(value, list) and all(isinstance(item, dict) and item.keys() == {"kind", "key"} for item in value):
        return [parse_id(str(item["kind"]), str(item["key"])) for item in value]
    return _ids_of(_json_submission(body).reading)


def _ids_of(reading: Reading) -> list[ObjectId]:
    if reading.problems:
        raise IntentError(reading.problems)
    return [intent.id for intent in reading.intents]


def _malformed(value: object) -> Malformed:
    """What was wrong may have been the name itself, so an id is taken as it is."""
    return {
        _id(item, "malformed"): tuple(
            Reference(_text(reference, "field", "references"), _id(reference, "references"))
            for reference in _list(item.get("references", []), "references")
        )
        for item in _list(value, "malformed")
    }


def _list(value: object, name: str) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _bad(f"{name} is not a list of objects", _MALFORMED)
    return value


def _id(item: Mapping[str, object], name: str) -> ObjectId:
    return ObjectId(_text(item, "kind", name), _text(item, "key", name))


def _text(item: Mapping[str, object], field: str, name: str) -> str:
    value = item.get(field)
    if not isinstance(value, str):
        raise _bad(f"{name} has an item without {field}", _MALFORMED)
    return value
