# SPDX-License-Identifier: Apache-2.0
"""Whether a switch still holds what was written: one part of it after the other, a pause before each.

Somebody else may have changed entries, and a switch may have lost what it acknowledged. So each table is read once in
a round, one at a time, and compared with the agent's image. A table that answers as when it was last found right, and
to which nothing was written since, is not even decoded. Writes go on meanwhile: what is written while a table is being
read may or may not show in the answer, and is left for the next round.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from p4vpc.compiler.entries import Entry, Identity, table_of
from p4vpc.reconcile import Change
from p4vpc.southbound.codec import Codec
from p4vpc.southbound.image import Image
from p4vpc.southbound.readback import Part, decode_part, unrounded


@dataclass(frozen=True, slots=True)
class Drift:
    """Where a switch differs from its image.

    Attributes:
        found: what it holds under the identities that differ; None: nothing.
        unreadable: as of `Found`.
    """

    found: Mapping[Identity, Entry | None]
    unreadable: Sequence[tuple[str, str]] = ()


NO_DRIFT = Drift({})


class Pace:
    """So many reads a second of all switches together: a big fabric is inspected more slowly, not more expensively.

    Args:
        rate: most reads a second.
    """

    def __init__(self, rate: float = 50.0):
        self._gap = 1 / rate
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until one more may be made."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + self._gap
        await asyncio.sleep(at - now)


class Inspection:
    """Compares answers with the image of one switch. It has to be told of every write, before it is sent and after.

    Attributes:
        codec: reads the answers; another one may take its place when the switch is read as a whole.
    """

    def __init__(self, codec: Codec):
        self.codec = codec
        self._digests: dict[str, bytes] = {}
        self._in_flight: Sequence[Change] = ()
        self._uncertain: set[Identity] | None = None

    def sending(self, changes: Sequence[Change]) -> None:
        """A write of these begins."""
        self._in_flight = changes
        if self._uncertain is not None:
            self._uncertain.update(change.entry.identity for change in changes)
        for name in {table_of(change.entry) for change in changes} if self._digests else ():
            self._digests.pop(name, None)

    def sent(self) -> None:
        """The write has ended, one way or the other."""
        self._in_flight = ()

    def forget(self) -> None:
        """The switch is read as a whole."""
        self._digests.clear()

    def begin(self) -> None:
        """A part is about to be read."""
        self._uncertain = {change.entry.identity for change in self._in_flight}

    async def compare(self, part: Part, responses: Sequence[p4r.ReadResponse], image: Image) -> Drift:
        """What differs between the answer to a read since `begin` and the image, leaving out what was written since."""
        digest = _digest(responses)
        if self._digests.get(part.name) == digest:
            self._uncertain = None
            return NO_DRIFT
        answer = await decode_part(responses, self.codec)
        uncertain, self._uncertain = self._uncertain or set(), None
        found: dict[Identity, Entry | None] = {}
        there = 0
        for identity, have in answer.entries.items():
            known = image.get(identity)
            there += known is not None
            if have is not known and identity not in uncertain and unrounded(have, known) != known:
                found[identity] = have
        for identity in image if there < image.sizes[part.name] else ():
            if identity[0] == part.name and identity not in answer.entries and identity not in uncertain:
                found[identity] = None
        if not found and not answer.unreadable and not any(identity[0] == part.name for identity in uncertain):
            self._digests[part.name] = digest
        return Drift(found, answer.unreadable)


def _digest(responses: Iterable[p4r.ReadResponse]) -> bytes:
    """The same for the same entities in the same order, however they are spread over messages."""
    digest = hashlib.blake2b(digest_size=16)
    for response in responses:
        digest.update(response.SerializeToString())
    return digest.digest()
