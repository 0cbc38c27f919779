# SPDX-License-Identifier: Apache-2.0
"""Digests: configuration, lists, acknowledgements (P4Runtime 1.5, section 9.8)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from finsy.proto import p4d, p4i, p4r
from grpc import StatusCode

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.entities import DELETE, INSERT, EntityHandler, Undo, UpdateType, look_up, select
from softswitch.p4runtime.status import StatusError, invalid, not_found
from softswitch.runtime.externs import Digest

MAX_LIST_SIZE = 1024
MAX_WAITING_MESSAGES = 16384
"""Messages of one digest that wait for a list or an acknowledgement; more are dropped, as on a real target."""

Values = tuple[int, ...]
SendList = Callable[[p4r.DigestList], None]


@dataclass
class DigestState:
    """One digest: its P4Info, and what has been learned and not been acknowledged."""

    info: p4i.Digest
    config: p4r.DigestEntry.Config | None = None
    waiting: list[Values] = field(default_factory=list)
    unacknowledged: dict[int, tuple[float, list[Values]]] = field(default_factory=dict)
    silenced: set[Values] = field(default_factory=set)
    next_list_id: int = 1
    timer: asyncio.TimerHandle | None = None

    def forget(self) -> None:
        """Drop everything that is buffered."""
        self.waiting.clear()
        self.unacknowledged.clear()
        self.silenced.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Digests(EntityHandler):
    """`digest_entry`, and the lists that go to the primary client through `send`."""

    def __init__(self, digests: Mapping[int, DigestState]) -> None:
        self._digests = digests
        self._by_name = {state.info.preamble.name: state for state in digests.values()}
        self.send: SendList | None = None

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.digest_entry
        state = look_up(self._digests, message.digest_id, "digest_id")
        what = f"digest {state.info.preamble.name}"
        before = state.config
        if kind == DELETE:
            if before is None:
                raise not_found(f"{what}: it is not enabled")
            state.config = None
            state.forget()
        else:
            if kind != INSERT and before is None:
                raise not_found(f"{what}: it is not enabled; INSERT enables it")
            config = message.config
            if min(config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns) < 0:
                raise invalid(f"{what}: max_timeout_ns, max_list_size and ack_timeout_ns must be 0 or more")
            if kind == INSERT and before is not None:
                raise _already_enabled(what)
            state.config = p4r.DigestEntry.Config()
            state.config.CopyFrom(config)

        def undo() -> None:
            state.config = before

        return undo

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        for state in select(self._digests, entity.digest_entry.digest_id, "digest_id"):
            if state.config is not None:
                yield p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=state.info.preamble.id, config=state.config))

    def learn(self, digest: Digest) -> None:
        """Take a message from the data plane: buffer it, unless the client has just been told the same."""
        state = self._by_name.get(digest.name)
        if state is None or state.config is None:
            return
        self._expire(state, state.config)
        if digest.values in state.silenced or len(state.silenced) >= MAX_WAITING_MESSAGES:
            return
        state.silenced.add(digest.values)
        state.waiting.append(digest.values)
        limit = min(state.config.max_list_size or MAX_LIST_SIZE, MAX_LIST_SIZE)
        if len(state.waiting) >= limit or not state.config.max_timeout_ns:
            self._flush(state)
        elif state.timer is None:
            loop = asyncio.get_running_loop()
            state.timer = loop.call_later(state.config.max_timeout_ns / 1e9, self._flush, state)

    def acknowledge(self, ack: p4r.DigestListAck) -> None:
        """The client has handled a list; what is in it may be learned again. Raises StatusError for an unknown digest.

        An acknowledgement of a list that is not waiting for one is ignored.
        """
        state = look_up(self._digests, ack.digest_id, "digest_id")
        _, messages = state.unacknowledged.pop(ack.list_id, (0.0, []))
        state.silenced.difference_update(messages)

    def stop(self) -> None:
        """Drop everything that is buffered, when the pipeline goes."""
        for state in self._digests.values():
            state.forget()

    def _expire(self, state: DigestState, config: p4r.DigestEntry.Config) -> None:
        now = time.monotonic()
        for list_id, (sent_at, messages) in list(state.unacknowledged.items()):
            if now - sent_at < config.ack_timeout_ns / 1e9:
                break
            del state.unacknowledged[list_id]
            state.silenced.difference_update(messages)

    def _flush(self, state: DigestState) -> None:
        if state.timer is not None:
            state.timer.cancel()
            state.timer = None
        messages, state.waiting = state.waiting, []
        if not messages:
            return
        if self.send is None:
            state.silenced.difference_update(messages)
            return
        list_id, state.next_list_id = state.next_list_id, state.next_list_id + 1
        state.unacknowledged[list_id] = (time.monotonic(), messages)
        self.send(
            p4r.DigestList(
                digest_id=state.info.preamble.id,
                list_id=list_id,
                data=[_encode(state, values) for values in messages],
                timestamp=time.time_ns(),
            )
        )


def _already_enabled(what: str) -> StatusError:
    return StatusError(StatusCode.ALREADY_EXISTS, f"{what}: it is enabled already; MODIFY changes it")


def _encode(state: DigestState, values: Values) -> p4d.P4Data:
    members = [p4d.P4Data(bitstring=bytestring.encode(value)) for value in values]
    match state.info.type_spec.WhichOneof("type_spec"):
        case "struct":
            return p4d.P4Data(struct=p4d.P4StructLike(members=members))
        case "tuple":
            return p4d.P4Data(tuple=p4d.P4StructLike(members=members))
    return members[0]
