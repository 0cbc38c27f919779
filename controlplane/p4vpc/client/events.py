# SPDX-License-Identifier: Apache-2.0
"""Server-sent events (WHATWG HTML, section 9.2), as far as our server sends them."""

from typing import NamedTuple


class Event(NamedTuple):
    """One event; `id` is empty if it has none."""

    id: str
    data: str


class EventReader:
    """Puts a stream's lines together. An event that is cut off in the middle is none."""

    def __init__(self) -> None:
        self._id = ""
        self._data: list[str] = []

    def read(self, line: str) -> Event | None:
        """Take the next line; the event that it ends, if it ends one."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            event = Event(self._id, "\n".join(self._data)) if self._data else None
            self._id, self._data = "", []
            return event
        if name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
        return None
