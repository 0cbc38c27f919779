# SPDX-License-Identifier: Apache-2.0
"""The route that tells what becomes of a packet."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from p4vpc.api.access import Caller, check_visible_object
from p4vpc.api.context import Context
from p4vpc.api.problems import AsciiJsonResponse
from p4vpc.api.trace_schemas import TraceModel, TraceRequest
from p4vpc.errors import IntentError, Problem
from p4vpc.intent import Mac, ObjectId, parse_id
from p4vpc.services import ForbiddenError, Principal
from p4vpc.services.trace import Question, TraceService
from p4vpc.services.trace.question import NowhereError

_OPERATORS = ("frame", "at", "realised", "detailed")
_T = TypeVar("_T")


def router(context: Context, tracing: TraceService) -> APIRouter:
    """`trace`."""
    routes = APIRouter(prefix="/v1", tags=["operations"])

    @routes.post("/trace", response_model=TraceModel, openapi_extra=_body())
    async def trace(request: Request, caller: Caller) -> Response:
        """What becomes of a packet of a port, without sending any: hop by hop, with the objects that decide.

        By what the switches shall hold at the last revision, with no flow on record but those of the question itself,
        and no rate used up. A tenant asks for its own ports, and is told what its own objects decide.
        """
        wanted = _wanted(await context.bodies.document(request))
        question = _question(caller, wanted)
        try:
            report = await tracing.ask(question, caller.tenant)
        except NowhereError as error:
            raise error if caller.is_operator else _unseen(error) from None
        body = TraceModel.of(caller, report, is_reply=wanted.reply, is_detailed=wanted.detailed)
        return AsciiJsonResponse(body)

    return routes


def _body() -> dict[str, Any]:
    schema = TraceRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    place = schema.pop("$defs")["PlaceModel"]
    schema["properties"]["at"]["anyOf"] = [place, {"type": "null"}]
    content = {media_type: {"schema": schema} for media_type in ("application/json", "application/yaml")}
    return {"requestBody": {"required": True, "content": content}}


def _wanted(document: object) -> TraceRequest:
    try:
        return TraceRequest.model_validate(document)
    except ValidationError as error:
        raise IntentError(
            Problem("trace", ".".join(map(str, item["loc"])), item["msg"], "see /v1/openapi.json", "request")
            for item in error.errors(include_url=False)
        ) from None


def _question(caller: Principal, wanted: TraceRequest) -> Question:
    """What was asked for, if the caller may ask for it.

    Raises:
        ForbiddenError: it is not the caller's port, or is about the fabric.
        IntentError: something is no address, key or frame.
    """
    asked = [field for field in _OPERATORS if getattr(wanted, field)]
    if asked and not caller.is_operator:
        message = f"token {caller.name} is of tenant {caller.tenant}, whom the fabric does not concern"
        raise ForbiddenError(Problem("trace", field, message, "ask the operator", "request") for field in asked)
    if (wanted.at is not None and wanted.frame is None) or (wanted.at is None and wanted.source is None):
        raise _mistake("source", "it is not said who sends what", "source and destination; or frame, with source or at")
    if wanted.at is not None and wanted.source is not None:
        raise _mistake("at", "a frame enters at one place", "source or at")
    source = None if wanted.source is None else parse_id("port", wanted.source)
    for object_id in (source, _port_named(wanted.destination)):
        if object_id is not None:
            check_visible_object(caller, object_id)
    icmp = None
    if wanted.icmp_type is not None or wanted.icmp_code is not None:
        icmp = (wanted.icmp_type or 0, wanted.icmp_code or 0)
    return Question(
        source=source,
        destination=wanted.destination,
        protocol=wanted.protocol,
        family=wanted.family,
        source_port=wanted.source_port,
        destination_port=wanted.destination_port,
        icmp=icmp,
        ttl=wanted.ttl,
        length=wanted.length,
        vlan=wanted.vlan,
        source_address=_read("source_address", ip_address, wanted.source_address, "10.0.1.5"),
        source_mac=_read("source_mac", Mac.parse, wanted.source_mac, "02:00:00:00:00:01"),
        destination_mac=_read("destination_mac", Mac.parse, wanted.destination_mac, "02:00:00:00:00:01"),
        frame=_read("frame", _frame, wanted.frame, "an even number of hexadecimal digits, at least 28"),
        place=None if wanted.at is None else (wanted.at.switch, wanted.at.port),
        is_reply=wanted.reply,
        is_established=wanted.established,
        is_realised=wanted.realised,
    )


def _frame(text: str) -> bytes:
    frame = bytes.fromhex(text)
    if len(frame) < _ETHERNET_BYTES:
        raise ValueError
    return frame


_ETHERNET_BYTES = 14


def _read(field: str, read: Callable[[str], _T], text: str | None, remedy: str) -> _T | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError:
        raise _mistake(field, f"{text[:80]!r} is none", remedy) from None


def _port_named(destination: str | None) -> ObjectId | None:
    """The port that a destination names by its whole key; None for anything else, also for addresses."""
    if destination is None or destination.count("/") != 2:
        return None
    return ObjectId("port", destination)


def _unseen(error: NowhereError) -> IntentError:
    message = "no packet of it gets into the fabric at the moment"
    return IntentError(Problem(it.object, it.field, message, "ask the operator") for it in error.problems)


def _mistake(field: str, message: str, remedy: str) -> IntentError:
    return IntentError(Problem("trace", field, message, remedy, "request"))
