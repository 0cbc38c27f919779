# SPDX-License-Identifier: Apache-2.0
"""Idle timeouts: entries that no packet has hit for longer than their time to live (P4Runtime 1.5, section 16.4)."""

from __future__ import annotations

import time

from finsy.proto import p4r

from softswitch.p4runtime.pipeline import Pipeline
from softswitch.p4runtime.table_codec import TableCodec
from softswitch.runtime.entries import Entry

SCAN_INTERVAL_SECONDS = 0.1


class IdleScanner:
    """Finds idle entries; each is reported again after another time to live without a hit."""

    def __init__(self) -> None:
        self._reported_us: dict[Entry, int] = {}

    def scan(self, pipeline: Pipeline) -> list[p4r.IdleTimeoutNotification]:
        """One notification for each table with entries that are due."""
        now_us = pipeline.switch.now_us()
        notifications = []
        reported: dict[Entry, int] = {}
        for codec in pipeline.tables.values():
            if not codec.table.has_idle_timeout:
                continue
            due = []
            for entry in codec.table:
                if not entry.idle_timeout_ns:
                    continue
                since_us = max(entry.last_hit_us, self._reported_us.get(entry, 0))
                if (now_us - since_us) * 1000 >= entry.idle_timeout_ns:
                    due.append(_encode(codec, entry))
                    since_us = now_us
                reported[entry] = since_us
            if due:
                notifications.append(p4r.IdleTimeoutNotification(table_entry=due, timestamp=time.time_ns()))
        self._reported_us = reported
        return notifications


def _encode(codec: TableCodec, entry: Entry) -> p4r.TableEntry:
    extras = codec.extras.get((entry.key, entry.priority))
    message = p4r.TableEntry(
        table_id=codec.table_id,
        priority=entry.priority,
        controller_metadata=extras.controller_metadata if extras is not None else 0,
        metadata=entry.metadata,
        idle_timeout_ns=entry.idle_timeout_ns,
    )
    codec.key.encode(entry.key, message.match)
    return message
