# SPDX-License-Identifier: Apache-2.0
"""One subscription list: what its paths stand for, what was told, and what is due.

Changes are found by comparing with what was told last, so a subscriber that reads slowly costs no memory: it gets the
latest state when it is ready, and flaps in between are one update (gNMI specification, section 3.5.2.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from finsy.proto import gnmi

from softswitch.gnmi.errors import invalid
from softswitch.gnmi.paths import LeafName, Pattern, leaf_path
from softswitch.gnmi.tree import LEAVES, Key, PortSource, Value, check_encoding, encode, is_counter, read_leaves

DEFAULT_SAMPLE_NS = 10_000_000_000
MIN_SAMPLE_NS = 100_000_000


def notification(
    updates: Iterable[tuple[Key, Value]], deletes: Iterable[Key], encoding: gnmi.Encoding.ValueType, target: str
) -> gnmi.Notification:
    """A notification of now; `target` is echoed in its prefix (section 2.2.2.1)."""
    message = gnmi.Notification(
        timestamp=time.time_ns(),
        update=[encode(key, value, encoding) for key, value in updates],
        delete=[leaf_path(*key) for key in deletes],
    )
    if target:
        message.prefix.target = target
    return message


@dataclass(slots=True)
class _Path:
    """One subscribed path. `sampled` leaves are sent every `interval_ns`, `watched` ones when they change."""

    pattern: Pattern
    watched: tuple[LeafName, ...]
    sampled: tuple[LeafName, ...]
    interval_ns: int
    is_redundancy_suppressed: bool
    heartbeat_ns: int
    told: dict[Key, Value] = field(default_factory=dict)
    next_sample_ns: int = 0
    next_heartbeat_ns: int = 0

    @property
    def leaves(self) -> tuple[LeafName, ...]:
        return self.watched + self.sampled


class SubscriptionState:
    """The state behind one Subscribe call. Raises GnmiError for a path or an option that is not served."""

    def __init__(self, source: PortSource, request: gnmi.SubscriptionList, now_ns: Callable[[], int]) -> None:
        check_encoding(request.encoding)
        if not request.subscription:
            raise invalid("subscribe: the list names no path")
        self._source = source
        self._encoding = request.encoding
        self._target = request.prefix.target
        self._now_ns = now_ns
        is_stream = request.mode == gnmi.SubscriptionList.STREAM
        self._paths = [_read_path(request.prefix, item, is_stream=is_stream) for item in request.subscription]

    def everything(self, *, is_told: bool = True) -> gnmi.SubscribeResponse | None:
        """All values now, from which changes count; None when there are none or they are not to be told."""
        ports, now = self._source.port_states(), self._now_ns()
        values: dict[Key, Value] = {}
        for path in self._paths:
            path.told = read_leaves(ports, path.pattern, path.leaves)
            path.next_sample_ns = now + path.interval_ns
            path.next_heartbeat_ns = now + path.heartbeat_ns
            values |= path.told
        return self._response(values, ()) if values and is_told else None

    def due(self) -> gnmi.SubscribeResponse | None:
        """What has changed or has to be sampled since the last call; None when there is nothing."""
        ports, now = self._source.port_states(), self._now_ns()
        values: dict[Key, Value] = {}
        gone: dict[Key, None] = {}
        for path in self._paths:
            current = read_leaves(ports, path.pattern, path.leaves)
            for key in path.told.keys() - current.keys():
                gone[key] = None
                del path.told[key]
            for key in _to_tell(path, current, now):
                values[key] = path.told[key] = current[key]
        return self._response(values, gone) if values or gone else None

    def seconds_to_next(self) -> float | None:
        """How long until something is due without a change; None for never."""
        times = [path.next_sample_ns for path in self._paths if path.sampled]
        times += [path.next_heartbeat_ns for path in self._paths if path.heartbeat_ns]
        return max(min(times) - self._now_ns(), 0) / 1e9 if times else None

    def _response(self, values: dict[Key, Value], gone: Iterable[Key]) -> gnmi.SubscribeResponse:
        return gnmi.SubscribeResponse(update=notification(values.items(), gone, self._encoding, self._target))


def _to_tell(path: _Path, current: dict[Key, Value], now: int) -> list[Key]:
    is_heartbeat = bool(path.heartbeat_ns) and now >= path.next_heartbeat_ns
    if is_heartbeat:
        path.next_heartbeat_ns = now + path.heartbeat_ns
    is_sample = bool(path.sampled) and now >= path.next_sample_ns
    if is_sample:
        path.next_sample_ns = now + path.interval_ns
    keys = []
    for key, value in current.items():
        if key[1] in path.watched:
            is_wanted = is_heartbeat or path.told.get(key) != value
        else:
            is_new = not path.is_redundancy_suppressed or path.told.get(key) != value
            is_wanted = is_heartbeat or (is_sample and is_new)
        if is_wanted:
            keys.append(key)
    return keys


def _read_path(prefix: gnmi.Path, item: gnmi.Subscription, *, is_stream: bool) -> _Path:
    pattern = Pattern.parse(prefix, item.path)
    leaves = tuple(leaf for leaf in LEAVES if pattern.selects(leaf))
    if not leaves:
        raise invalid(f"path {pattern.text}: there is nothing of that name; try /interfaces/interface[name=*]/state")
    counters = tuple(leaf for leaf in leaves if is_counter(leaf))
    states = tuple(leaf for leaf in leaves if not is_counter(leaf))
    if not is_stream:
        return _Path(pattern, leaves, (), 0, False, 0)
    for name, value in (("sample_interval", item.sample_interval), ("heartbeat_interval", item.heartbeat_interval)):
        if 0 < value < MIN_SAMPLE_NS:
            raise invalid(f"path {pattern.text}: {name} {value} ns is too short; the least is {MIN_SAMPLE_NS} ns")
    interval = item.sample_interval or DEFAULT_SAMPLE_NS
    options = (interval, item.suppress_redundant, item.heartbeat_interval)
    if item.mode == gnmi.SubscriptionMode.SAMPLE:
        return _Path(pattern, (), leaves, *options)
    if item.mode == gnmi.SubscriptionMode.ON_CHANGE:
        if counters:
            raise invalid(f"path {pattern.text}: it holds counters, which are not told ON_CHANGE; use SAMPLE for them")
        return _Path(pattern, states, (), *options)
    return _Path(pattern, states, counters, *options)
