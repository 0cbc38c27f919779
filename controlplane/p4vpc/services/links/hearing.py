# SPDX-License-Identifier: Apache-2.0
"""What one end of a link hears of the other by LLDP.

Silence counts in frames that the far end has sent, not in seconds: a controller that was stopped for a while, or has
no session with the far end, has sent nothing, so it concludes nothing.
"""

from dataclasses import dataclass

from p4vpc.services.links.lldp import Sender

FRAMES_TO_LOSE = 3
"""So many frames in a row that are not heard before the next one is due are a lost neighbour."""


@dataclass(slots=True)
class Hearing:
    """One end. `expected` is the far end, as the link object says.

    Attributes:
        unheard: frames sent by the far end since it was heard last.
        was_heard: whether it has ever been heard.
        is_lost: it was heard, and then was silent for too long.
        other: somebody else who was heard here last, while nothing was heard of the far end.
    """

    expected: Sender
    unheard: int = 0
    was_heard: bool = False
    is_lost: bool = False
    other: Sender | None = None
    _session: int = 0

    def sent(self, session: int | None) -> None:
        """The far end sends a frame. `session` numbers this end's own session, None if it has none to hear with."""
        if session is None:
            return
        if session != self._session:
            self._session = session
            self.unheard = self.unheard if self.is_lost else 0
        if self.unheard < FRAMES_TO_LOSE:
            self.unheard += 1
        elif self.was_heard:
            self.is_lost = True

    def heard(self, sender: Sender) -> None:
        """A frame has come in."""
        if sender == self.expected:
            self.unheard = 0
            self.was_heard = True
            self.is_lost = False
            self.other = None
        elif not self.was_heard or self.unheard >= FRAMES_TO_LOSE:
            self.other = sender

    @property
    def is_missing(self) -> bool:
        """Whether the far end has sent enough to be heard, and never was."""
        return not self.was_heard and self.unheard >= FRAMES_TO_LOSE
