# SPDX-License-Identifier: Apache-2.0
"""A compiled pipeline program: BMv2 JSON in, switches out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from softswitch.runtime.switch import Switch


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


@dataclass(frozen=True)
class Program:
    """An immutable v1model program; any number of switches can be made from it.

    :ivar source: the generated Python, for reading.
    """

    source: str

    @classmethod
    def from_json(cls, text: str | bytes) -> Program:
        """Compile what ``p4c-bm2-ss`` wrote.

        :raises InvalidProgramError: malformed, or it contradicts itself.
        :raises UnsupportedProgramError: names everything that the engine does not do.
        """
        raise NotImplementedError

    def instantiate(
        self,
        *,
        cpu_port: int = 510,
        drop_port: int = 511,
        now_us: Callable[[], int] = _monotonic_us,
        seed: int = 0,
    ) -> Switch:
        """Make a switch with the program's constant entries and otherwise empty tables.

        ``now_us`` is the clock behind timestamps and meters, ``seed`` that of ``random()``.
        """
        raise NotImplementedError
