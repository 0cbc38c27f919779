# SPDX-License-Identifier: Apache-2.0
"""Every error of the API as an RFC 9457 problem that lists all that is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from json import dumps
from math import ceil

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from p4vpc.errors import (
    ExhaustedError,
    NotFoundError,
    P4vpcError,
    Problem,
    RevisionConflictError,
    StoreError,
    UserError,
)
from p4vpc.services import ForbiddenError, LimitError
from p4vpc.services.trace import NothingCompiledError, TraceBusyError, TracerMissingError, UnknownContentError
from p4vpc.store import TokenError

MEDIA_TYPE = "application/problem+json"


class BodyTooLargeError(UserError):
    """The body is longer than the server takes."""


class UnsupportedMediaTypeError(UserError):
    """The body is neither JSON nor YAML, or does not say what it is."""


class BadRequestError(UserError):
    """The request itself, not an object in it, makes no sense."""


class StillReferencedError(UserError):
    """Something that shall be deleted is still needed."""


class UnauthorizedError(UserError):
    """Nobody knows who is calling."""


class TooManyRequestsError(UserError):
    """A tenant asks more often than it may.

    Attributes:
        retry_after: in how many seconds it may again.
    """

    def __init__(self, problem: Problem, retry_after: float):
        super().__init__(problem)
        self.retry_after = retry_after


class PreconditionFailedError(UserError):
    """If-Match or If-None-Match does not hold."""


_STATUS: Mapping[type[P4vpcError], HTTPStatus] = {
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    BadRequestError: HTTPStatus.BAD_REQUEST,
    StillReferencedError: HTTPStatus.CONFLICT,
    TokenError: HTTPStatus.CONFLICT,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    LimitError: HTTPStatus.CONFLICT,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    TraceBusyError: HTTPStatus.TOO_MANY_REQUESTS,
    NothingCompiledError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnknownContentError: HTTPStatus.CONFLICT,
    TracerMissingError: HTTPStatus.NOT_IMPLEMENTED,
    PreconditionFailedError: HTTPStatus.PRECONDITION_FAILED,
    NotFoundError: HTTPStatus.NOT_FOUND,
    RevisionConflictError: HTTPStatus.CONFLICT,
    ExhaustedError: HTTPStatus.CONFLICT,
    UserError: HTTPStatus.UNPROCESSABLE_ENTITY,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    P4vpcError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class AsciiJsonResponse(JSONResponse):
    """JSON in ASCII: whatever strange text a user has sent can be sent back to him."""

    def render(self, content: object) -> bytes:
        if isinstance(content, BaseModel):
            content = content.model_dump(mode="json")
        return dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def problem_response(
    status: HTTPStatus, detail: str, problems: Iterable[Problem] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for an error."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "problems": [asdict(problem) for problem in problems],
    }
    return AsciiJsonResponse(body, status.value, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def status_of(error: P4vpcError) -> HTTPStatus:
    """The status of the closest class that has one."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def install(app: FastAPI) -> None:
    """Make `app` answer all errors as problems."""
    log = structlog.get_logger().bind(switch="-")

    async def on_p4vpc_error(request: Request, error: Exception) -> Response:
        if isinstance(error, UserError):
            return problem_response(status_of(error), _summary(error), error.problems, _headers(error))
        if isinstance(error, StoreError):
            log.error("the store cannot be used", path=request.url.path, reason=str(error))
            detail = "the database cannot be used at the moment; the log tells why"
            return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
        return await on_unexpected(request, error)

    async def on_validation_error(_: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        problems = [
            Problem("", ".".join(str(part) for part in item["loc"][1:]), str(item["msg"]), source=str(item["loc"][0]))
            for item in found
        ]
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, "the request has wrong parameters", problems)

    async def on_http_exception(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return problem_response(HTTPStatus(error.status_code), str(error.detail), headers=error.headers)

    async def on_unexpected(request: Request, error: Exception) -> Response:
        log.error("unexpected error, please report it", path=request.url.path, exc_info=error)
        return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; the log tells more")

    app.add_exception_handler(P4vpcError, on_p4vpc_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_unexpected)


def _headers(error: UserError) -> dict[str, str]:
    if isinstance(error, UnauthorizedError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyRequestsError | TraceBusyError | NothingCompiledError):
        return {"Retry-After": str(max(1, ceil(error.retry_after)))}
    return {}


def _summary(error: UserError) -> str:
    number = len(error.problems)
    return str(error.problems[0]) if number == 1 else f"{number} problems; nothing was changed"
