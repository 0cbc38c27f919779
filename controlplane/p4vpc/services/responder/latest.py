# SPDX-License-Identifier: Apache-2.0
"""Who was heard of last, and where: the announcements of all switches, for whoever decides about mobility."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import structlog

from p4vpc.services.responder.announcements import Announcement
from p4vpc.services.responder.view import Attachment

OnAnnouncement: TypeAlias = Callable[[str, Attachment, Announcement], None]
"""Called with switch, attachment and announcement, on the event loop; it must not block."""


def log_announcement(switch: str, attachment: Attachment, announcement: Announcement) -> None:
    """Do nothing but log: what happens as long as nobody decides about mobility."""
    structlog.get_logger().debug(
        "announced",
        switch=switch,
        attachment=str(attachment),
        mac=str(announcement.mac),
        address=None if announcement.address is None else str(announcement.address),
    )


class LatestAnnouncements:
    """The latest announcement of each attachment, as many as `capacity`; the oldest is forgotten first."""

    def __init__(self, on_announcement: OnAnnouncement = log_announcement, capacity: int = 8192):
        self._on_announcement = on_announcement
        self._capacity = capacity
        self._latest: OrderedDict[tuple[str, Attachment], Announcement] = OrderedDict()

    @property
    def latest(self) -> Mapping[tuple[str, Attachment], Announcement]:
        """By switch and attachment, the oldest first."""
        return MappingProxyType(self._latest)

    def record(self, switch: str, attachment: Attachment, announcement: Announcement) -> None:
        """Keep an announcement and publish it, also one that only repeats what is known: a sign of life."""
        key = switch, attachment
        self._latest[key] = announcement
        self._latest.move_to_end(key)
        if len(self._latest) > self._capacity:
            self._latest.popitem(last=False)
        self._on_announcement(switch, attachment, announcement)
