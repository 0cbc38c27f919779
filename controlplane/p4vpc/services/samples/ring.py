# SPDX-License-Identifier: Apache-2.0
"""The latest samples of each switch, for readers that come and go. A switch that shows much displaces only its own."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count

from p4vpc.services.samples.sample import Sample

CAPACITY = 1000


class SampleRing:
    """Samples of all switches, at most `capacity` of each."""

    def __init__(self, capacity: int = CAPACITY):
        self._capacity = capacity
        self._samples: dict[str, deque[Sample]] = {}
        self._numbers = count(1)
        self._last = 0
        self._added = asyncio.Event()

    @property
    def last(self) -> int:
        """Number of the latest sample; 0 if there has been none."""
        return self._last

    def add(self, sample: Sample) -> None:
        """Keep a sample under the next number; the oldest of its switch goes if there is no room."""
        self._last = next(self._numbers)
        of_switch = self._samples.setdefault(sample.switch, deque(maxlen=self._capacity))
        of_switch.append(replace(sample, number=self._last))
        self._added.set()
        self._added = asyncio.Event()

    def after(
        self, number: int, switches: Collection[str] | None = None, reasons: Collection[str] | None = None
    ) -> Sequence[Sample]:
        """Return the samples with higher numbers, in order; of all switches and reasons, or of those named."""
        found = [
            sample
            for switch, samples in self._samples.items()
            if switches is None or switch in switches
            for sample in samples
            if sample.number > number and (reasons is None or sample.reason in reasons)
        ]
        return sorted(found, key=lambda sample: sample.number)

    async def wait_after(
        self,
        number: int,
        timeout_seconds: float,
        switches: Collection[str] | None = None,
        reasons: Collection[str] | None = None,
    ) -> Sequence[Sample]:
        """As `after`, but if there is none yet wait for one, at most so long."""
        found = self.after(number, switches, reasons)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not found:
                    await self._added.wait()
                    found = self.after(number, switches, reasons)
        return found
