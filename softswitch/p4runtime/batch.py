# SPDX-License-Identifier: Apache-2.0
"""Batches: Write with its three atomicity modes, Read with one error per request (P4Runtime 1.5, sections 12, 13)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import structlog
from finsy.proto import p4r
from grpc import StatusCode

from softswitch.errors import SoftswitchError
from softswitch.p4runtime.entities import EntityHandler, Undo, to_status_error
from softswitch.p4runtime.status import BatchError, StatusError, invalid

Handlers = Mapping[str, EntityHandler]

UPDATES_PER_SLICE = 64
"""Updates after which a batch that need not be atomic lets packets through."""

ENTITIES_PER_RESPONSE = 256
MAX_RESPONSE_BYTES = 1 << 20
"""A ReadResponse above this is split; clients accept 4 MiB unless they say otherwise."""

_ABORTED = StatusError(StatusCode.ABORTED, "not applied, because another update of the batch failed")

log = structlog.get_logger("softswitch.p4runtime")


async def write_batch(
    handlers: Handlers, updates: Sequence[p4r.Update], atomicity: p4r.WriteRequest.Atomicity.ValueType
) -> None:
    """Apply a batch. The caller keeps other writes and reads out meanwhile.

    CONTINUE_ON_ERROR attempts every update, and lets packets through in between. The two others run without letting
    a packet through, so that a batch is atomic for the data plane, and take everything back when one update fails.
    Raises BatchError when an update failed.
    """
    if atomicity == p4r.WriteRequest.CONTINUE_ON_ERROR:
        errors = await _write_each(handlers, updates)
    elif atomicity in (p4r.WriteRequest.ROLLBACK_ON_ERROR, p4r.WriteRequest.DATAPLANE_ATOMIC):
        errors = _write_all_or_none(handlers, updates)
    else:
        raise invalid(f"atomicity: {atomicity} is not a mode; 0 to 2 are")
    if any(errors):
        failed = [error for error in errors if error is not None and error is not _ABORTED]
        raise BatchError(f"{len(failed)} of {len(updates)} updates failed; the first: {failed[0].message}", errors)


async def _write_each(handlers: Handlers, updates: Sequence[p4r.Update]) -> list[StatusError | None]:
    errors: list[StatusError | None] = []
    for number, update in enumerate(updates, 1):
        try:
            apply_update(handlers, update)
        except SoftswitchError as error:
            errors.append(to_status_error(error))
        except Exception as error:
            errors.append(_internal(error, "update"))
        else:
            errors.append(None)
        if not number % UPDATES_PER_SLICE:
            await asyncio.sleep(0)
    return errors


def _write_all_or_none(handlers: Handlers, updates: Sequence[p4r.Update]) -> list[StatusError | None]:
    undos: list[Undo] = []
    for number, update in enumerate(updates):
        try:
            undos.append(apply_update(handlers, update))
        except Exception as error:
            for undo in reversed(undos):
                undo()
            failure = to_status_error(error) if isinstance(error, SoftswitchError) else _internal(error, "update")
            return [failure if position == number else _ABORTED for position in range(len(updates))]
    return [None] * len(updates)


def apply_update(handlers: Handlers, update: p4r.Update) -> Undo:
    """Apply one update. Raises SoftswitchError when it is refused."""
    kind, entity = update.type, update.entity
    if kind not in (p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE):
        raise invalid("update: type is not set; it must be INSERT, MODIFY or DELETE")
    name = entity.WhichOneof("entity")
    if name is None:
        raise invalid("update: entity is not set")
    return handlers[name].write(kind, entity)


async def read_batch(handlers: Handlers, requests: Sequence[p4r.Entity]) -> tuple[list[bytes], BatchError | None]:
    """Read what a batch of filters selects, as serialised ReadResponses, with the error of the batch if one failed.

    The caller keeps writes out meanwhile; packets pass between two responses. Nothing waits for the client here, so a
    client that reads slowly delays nobody.
    """
    responses: list[bytes] = []
    errors: list[StatusError | None] = []
    for request in requests:
        try:
            async for response in _read_one(handlers, request):
                responses.append(response)
        except SoftswitchError as error:
            errors.append(to_status_error(error))
        except Exception as error:
            errors.append(_internal(error, "read"))
        else:
            errors.append(None)
    if not any(errors):
        return responses, None
    failed = [error for error in errors if error is not None]
    return responses, BatchError(f"{len(failed)} of {len(errors)} reads failed; the first: {failed[0].message}", errors)


async def _read_one(handlers: Handlers, request: p4r.Entity) -> AsyncIterator[bytes]:
    name = request.WhichOneof("entity")
    if name is None:
        raise invalid("entity: it is not set; name the kind of entity to read")
    chunk: list[p4r.Entity] = []
    for entity in handlers[name].read(request):
        chunk.append(entity)
        if len(chunk) == ENTITIES_PER_RESPONSE:
            for response in _serialise(chunk):
                yield response
            chunk.clear()
            await asyncio.sleep(0)
    for response in _serialise(chunk):
        yield response


def _serialise(entities: Sequence[p4r.Entity]) -> Iterator[bytes]:
    if not entities:
        return
    data = p4r.ReadResponse(entities=entities).SerializeToString()
    if len(data) <= MAX_RESPONSE_BYTES or len(entities) == 1:
        yield data
        return
    middle = len(entities) // 2
    yield from _serialise(entities[:middle])
    yield from _serialise(entities[middle:])


def _internal(error: Exception, what: str) -> StatusError:
    log.error("unexpected error", request=what, exc_info=error)
    return StatusError(StatusCode.INTERNAL, f"internal error in this {what}; the log of the target has the details")
