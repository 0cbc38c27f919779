# SPDX-License-Identifier: Apache-2.0
"""Ports move to where they announce themselves, if their intent allows it (`candidates`).

The pipeline has guarded an announcement before the controller sees it, and takes nothing else from where a port only
may move to; what is announced is compared with the port once more here. A move is a commit like any other, by
`announcement`. Of two places that announce one port in turn, the one heard last when the pause ends gets it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import structlog

from p4vpc.errors import NotFoundError, P4vpcError, RevisionConflictError, StoreError
from p4vpc.intent import ObjectId, Port, SwitchAttachment, link_local_of
from p4vpc.model import LocalPlace, Model, ModelPort
from p4vpc.services.damping import Damping, DampingOptions
from p4vpc.services.intents import IntentService
from p4vpc.services.responder import Announcement, Attachment, LocalAttachment
from p4vpc.store import Put

AUTHOR = "announcement"
"""Whom the audit log names for such a move."""

RETRY_SECONDS = 1.0
"""How long to wait when the store cannot be used."""

_Place: TypeAlias = tuple[str, int, int]
"""Switch, switch port, VLAN (0: untagged)."""


class _Known(NamedTuple):
    """A port that may move by itself, at a place where it may be heard."""

    port: ModelPort
    is_here: bool


class AnnouncedMoves:
    """Turns announcements into commits; `run` does the work.

    Args:
        intents: where commits are made.
        clock: in seconds; never goes back.
    """

    def __init__(
        self,
        intents: IntentService,
        *,
        options: DampingOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._intents = intents
        self._damping = Damping(options or DampingOptions(), clock)
        self._model: Model | None = None
        self._wanted: dict[ObjectId, SwitchAttachment] = {}
        self._heard = asyncio.Event()
        self._log = structlog.get_logger().bind(switch="-")

    def set_model(self, model: Model) -> None:
        """Which ports may move where from now on."""
        self._model = model

    def hear(self, switch: str, attachment: Attachment, announcement: Announcement) -> None:
        """Take an announcement; what follows is done by `run`."""
        if not isinstance(attachment, LocalAttachment):
            return
        known = None if self._model is None else _find(self._model, (switch, attachment.port, attachment.vlan_id))
        if known is None:
            return
        if not _is_own(known.port, announcement):
            self._log.warning("announcement of another", port=str(known.port.id), mac=str(announcement.mac))
            return
        if known.is_here:
            self._wanted.pop(known.port.id, None)
            return
        self._wanted[known.port.id] = SwitchAttachment(
            switch=switch, port=attachment.port, vlan=attachment.vlan_id or None
        )
        self._heard.set()

    async def run(self) -> None:
        """Move ports until cancelled."""
        while True:
            self._heard.clear()
            pauses = [RETRY_SECONDS] if not await self.settle() else []
            pauses += [self._damping.pause(port) for port in self._wanted]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pauses, default=None)):
                    await self._heard.wait()

    async def settle(self) -> bool:
        """Move every port that has been heard elsewhere and may move now; False if the store cannot be used."""
        for port, candidate in list(self._wanted.items()):
            if self._damping.pause(port):
                continue
            try:
                is_done = await self._move(port, candidate)
            except StoreError as error:
                self._log.error("no move: the store cannot be used", port=str(port), reason=str(error))
                return False
            if is_done and self._wanted.get(port) == candidate:
                del self._wanted[port]
        return True

    async def _move(self, port_id: ObjectId, candidate: SwitchAttachment) -> bool:
        """Commit the move, if it is still one; False if it is to be tried again."""
        try:
            stored = await self._intents.get(port_id)
            port = stored.object
            if not isinstance(port, Port) or candidate not in port.candidates:
                return True
            moved = port.moved_to(candidate)
            applied = await self._intents.apply([Put(moved, if_revision=stored.revision)], who=AUTHOR)
        except NotFoundError:
            return True
        except RevisionConflictError:
            return False
        except StoreError:
            raise
        except P4vpcError as error:
            self._log.error("a port cannot move to where it announces itself", port=str(port_id), reason=str(error))
            return True
        self._damping.happened(port_id)
        self._log.info(
            "moved by announcement",
            port=str(port_id),
            was=str(port.attachment),
            now=str(candidate),
            revision=applied.revision,
        )
        return True


def _find(model: Model, place: _Place) -> _Known | None:
    """Return the port that is at a place, or may turn up there; of those that may move only."""
    switch, _, _ = place
    for key in model.vpcs_of_switch.get(switch, ()):
        places = model.vpcs[key].places
        for port in places.at(switch):
            if port.candidates and isinstance(port.place, LocalPlace) and _place(port.place) == place:
                return _Known(port, is_here=True)
        for port in places.awaited(switch):
            if isinstance(port.place, LocalPlace) and any(_place(candidate) == place for candidate in port.candidates):
                return _Known(port, is_here=False)
    return None


def _place(place: LocalPlace) -> _Place:
    return place.switch, place.port, place.vlan_id


def _is_own(port: ModelPort, announcement: Announcement) -> bool:
    if announcement.mac != port.mac:
        return False
    address = announcement.address
    return address is None or address in port.addresses or address == link_local_of(port.mac)
