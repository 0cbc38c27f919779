# SPDX-License-Identifier: Apache-2.0
"""Damping of what flaps: the first time at once, then after pauses that double, until it has been calm for a while."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DampingOptions:
    """Times in seconds.

    Attributes:
        first: pause after the first time.
        longest: the longest pause; also how long it must be calm for all to be forgotten.
    """

    first: float = 1.0
    longest: float = 60.0


@dataclass(slots=True)
class _Trace:
    """When it last happened, and the pause that follows."""

    at: float
    pause: float


class Damping:
    """How soon something may happen again, for each key.

    Args:
        clock: in seconds; never goes back.
    """

    def __init__(self, options: DampingOptions, clock: Callable[[], float]):
        self._options = options
        self._clock = clock
        self._traces: dict[Hashable, _Trace] = {}

    def pause(self, key: Hashable) -> float:
        """Return how many seconds are left until it may happen; 0 if it may at once."""
        trace = self._traces.get(key)
        return 0.0 if trace is None else max(0.0, trace.at + trace.pause - self._clock())

    def happened(self, key: Hashable) -> None:
        """It has happened now."""
        now = self._clock()
        self._traces = {
            other: it for other, it in self._traces.items() if now - it.at < it.pause + self._options.longest
        }
        trace = self._traces.get(key)
        pause = self._options.first if trace is None else min(self._options.longest, trace.pause * 2)
        self._traces[key] = _Trace(now, pause)
