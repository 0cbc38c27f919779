# SPDX-License-Identifier: Apache-2.0
"""If-Match and If-None-Match (RFC 9110, section 13.1). The ETag of an object is the revision of its last change."""

import re
from collections.abc import Mapping

from p4vpc.api.problems import BadRequestError, PreconditionFailedError
from p4vpc.errors import Problem
from p4vpc.intent import ObjectId
from p4vpc.store import Snapshot

_ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(revision: int) -> dict[str, str]:
    """The header that tells a revision."""
    return {"ETag": f'"{revision}"'}


def expected_revision(headers: Mapping[str, str], object_id: ObjectId, snapshot: Snapshot) -> int | None:
    """What the headers ask of the object's revision, which holds in the snapshot; None: nothing.

    Raises:
        BadRequestError: a header has no list of entity tags.
        PreconditionFailedError: it does not hold.
    """
    stored = snapshot.objects.get(object_id)
    revision = stored.revision if stored else None
    if "if-match" not in headers and "if-none-match" not in headers:
        return None
    _check(headers, str(object_id), revision)
    return revision or 0


def check_store_revision(headers: Mapping[str, str], snapshot: Snapshot) -> None:
    """Check what a change of many objects asks of the revision of all.

    Raises:
        BadRequestError, PreconditionFailedError: as `expected_revision`.
    """
    _check(headers, "", snapshot.revision)


def _check(headers: Mapping[str, str], about: str, revision: int | None) -> None:
    current = None if revision is None else f'"{revision}"'
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    if if_match is not None and not _matches(if_match, current, "If-Match", is_strong=True):
        raise _failed(about, revision, "If-Match", if_match)
    if if_none_match is not None and _matches(if_none_match, current, "If-None-Match", is_strong=False):
        raise _failed(about, revision, "If-None-Match", if_none_match)


def _matches(header: str, current: str | None, name: str, *, is_strong: bool) -> bool:
    if header.strip() == "*":
        return current is not None
    parsed = [_ENTITY_TAG.fullmatch(tag.strip()) for tag in header.split(",")]
    if not all(parsed):
        message = f"{header[:80]!r} is no list of entity tags"
        raise BadRequestError(Problem("", name, message, 'as the ETag header has it: "17"', "request"))
    return any(tag and f'"{tag[2]}"' == current and not (is_strong and tag[1]) for tag in parsed)


def _failed(about: str, revision: int | None, header: str, value: str) -> PreconditionFailedError:
    state = "does not exist" if revision is None else f"is at revision {revision}"
    state = state if about else f"the intent {state}"
    message = f"{state}, so {header}: {value[:80]} does not hold"
    return PreconditionFailedError(Problem(about, "", message, "read it again, then decide"))
