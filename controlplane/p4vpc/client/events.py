# SPDX-License-Identifier: Apache-2.0
"""Server-sent events (WHATWG HTML, section 9.2), as far as our server sends them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event; `id` is empty if it has none."""

    id: str
    data: str


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a stream's lines. One that is cut off in the middle is none."""
    identity, data = "", list[str]()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(identity, "\n".join(data))
            identity, data = "", []
        elif name == "id":
            identity = value
        elif name == "data":
            data.append(value)
