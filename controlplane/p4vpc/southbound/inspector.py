# SPDX-License-Identifier: Apache-2.0
"""Inspects one switch as long as there are sessions with it, and keeps what was found until the agent puts it right.

What has been put right is looked at once more after it was written: what the switch acknowledges and does not do is
told, so that it becomes a refusal.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence, Set

import structlog
from finsy import GRPCStatusCode

from p4vpc.compiler.entries import DesiredEntry, DesiredState, Entry, Identity
from p4vpc.reconcile import Change, Operation
from p4vpc.southbound.codec import Codec
from p4vpc.southbound.describe import describe
from p4vpc.southbound.image import Image
from p4vpc.southbound.inspection import Inspection, Pace
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.readback import Part, decode_part, parts_of, read_part, unrounded
from p4vpc.southbound.rpc import RpcError
from p4vpc.southbound.session import Session

_ENTRIES_LOGGED = 5
"""Of those that were found wrong together."""


class Inspector:
    """Looks at one part of a switch after the other.

    Args:
        name: the switch.
        pipeline: what it runs.
        pace: shared by all switches.
        round_seconds: in this time each part is read once; 0: never.
        image: what the switch holds as far as the agent knows; None if it does not know.
        on_drift: called when something is not as written: `take_drift` has it.
        on_unreadable: called with what in the switch's answers its pipeline does not have, whenever that was seen anew.

    Attributes:
        rounds: how often all parts have been read.
        entries_drifted: how many were found not to be as written.
    """

    def __init__(
        self,
        name: str,
        pipeline: Pipeline,
        pace: Pace,
        round_seconds: float,
        *,
        image: Callable[[], Image | None],
        on_drift: Callable[[], None],
        on_unreadable: Callable[[Sequence[tuple[str, str]]], None],
    ):
        self._name = name
        self._pipeline = pipeline
        self._pace = pace
        self._round_seconds = round_seconds
        self._image = image
        self._on_drift = on_drift
        self._on_unreadable = on_unreadable
        self._parts = parts_of(pipeline.codec)
        self._inspection = Inspection(pipeline.codec)
        self._drift: dict[Identity, Entry | None] = {}
        self._doubtful: set[Identity] = set()
        self._unreadable: Sequence[tuple[str, str]] = ()
        self._log = structlog.get_logger().bind(switch=name)
        self.rounds = 0
        self.entries_drifted = 0

    def use(self, codec: Codec) -> None:
        """A session begins in which answers are read by this codec."""
        self._inspection.codec = codec

    async def run(self, session: Session) -> None:
        """Look at one part after the other as long as the session lasts."""
        if not self._round_seconds:
            await asyncio.Event().wait()
        pause = self._round_seconds / len(self._parts)
        await asyncio.sleep(pause * _share(self._name))
        while True:
            for part in self._parts:
                await asyncio.sleep(pause)
                await self._pace.turn()
                image = self._image()
                if session.is_primary and image is not None and not image.is_stale:
                    await self._look_at(session, part, image)
            self.rounds += 1

    def sending(self, changes: Sequence[Change]) -> None:
        """A write of these begins: whatever was found under their identities is past."""
        self._inspection.sending(changes)
        for change in changes if self._drift else ():
            self._drift.pop(change.entry.identity, None)

    def sent(self) -> None:
        """The write has ended, one way or the other."""
        self._inspection.sent()

    def forget(self, unreadable: Sequence[tuple[str, str]]) -> None:
        """The switch has been read as a whole, and this in the answer made no sense."""
        self._drift.clear()
        self._inspection.forget()
        self._unreadable = unreadable
        self._on_unreadable(unreadable)

    def take_drift(self, image: Image) -> Set[Identity]:
        """From now on the image goes by what was found; gives the identities concerned."""
        taken = set(self._drift)
        for identity, have in self._drift.items():
            image.correct(identity, have)
        self._doubtful |= taken
        self._drift.clear()
        return taken

    async def verify(self, session: Session, image: Image, desired: DesiredState) -> list[Change]:
        """See whether what has been put right stays so; gives what was acknowledged, but not done."""
        undone: list[Change] = []
        if not self._doubtful:
            return undone
        due = {it for it in self._doubtful if image.get(it) == _entry(desired, it)}
        for part in (part for part in self._parts if any(identity[0] == part.name for identity in due)):
            found = (await decode_part(await read_part(session, part), self._inspection.codec)).entries
            for identity in [it for it in due if it[0] == part.name]:
                want = _entry(desired, identity)
                have = found.get(identity)
                if (have if have is None else unrounded(have, want)) == want:
                    self._doubtful.discard(identity)
                    continue
                image.correct(identity, have)
                undone.append(_change(want, have, desired.get(identity)))
        return undone

    async def _look_at(self, session: Session, part: Part, image: Image) -> None:
        self._inspection.begin()
        try:
            responses = await read_part(session, part)
        except RpcError as error:
            log = self._log.debug if error.code is GRPCStatusCode.UNAVAILABLE else self._log.warning
            log("cannot be inspected", table=part.name, reason=str(error))
            return
        drift = await self._inspection.compare(part, responses, image)
        if self._image() is not image or image.is_stale:
            return
        self._unreadable = [*(it for it in self._unreadable if it[0] != part.name), *drift.unreadable]
        self._on_unreadable(self._unreadable)
        if drift.found:
            self._report(part, drift.found, image)
            self._drift |= drift.found
            self._on_drift()

    def _report(self, part: Part, found: Mapping[Identity, Entry | None], image: Image) -> None:
        self.entries_drifted += len(found)
        missing = [image[identity] for identity, have in found.items() if have is None]
        foreign = [have for identity, have in found.items() if have is not None and identity not in image]
        changed = [have for identity, have in found.items() if have is not None and identity in image]
        schema = self._pipeline.info.schema
        self._log.warning(
            "entries are not as written: putting them right",
            table=part.name,
            missing=len(missing),
            changed=len(changed),
            foreign=len(foreign),
            entries=[describe(entry, schema) for entry in (*missing, *changed, *foreign)[:_ENTRIES_LOGGED]],
        )


def _entry(desired: DesiredState, identity: Identity) -> Entry | None:
    item = desired.get(identity)
    return item.entry if item else None


def _change(want: Entry | None, have: Entry | None, item: DesiredEntry | None) -> Change:
    """What would make `want` of `have`, which differ."""
    if want is None:
        assert have is not None
        return Change(Operation.DELETE, have)
    operation = Operation.INSERT if have is None else Operation.MODIFY
    return Change(operation, want, item.origins if item else ())


def _share(name: str) -> float:
    """A number from 0 to 1 of each switch's own, so that not all are asked at the same moments."""
    return zlib.crc32(name.encode()) / 2**32
