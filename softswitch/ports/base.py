# SPDX-License-Identifier: Apache-2.0
"""What a port driver and the device that hosts it promise each other.

A driver owns one or more ports. It announces each one to its host when it appears, says when its link goes up or down,
and hands over every frame that arrives; the host calls the `send` function that came with the announcement. Everything
happens on one event loop, and nothing in here raises towards the packet path: what cannot be sent is counted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from softswitch.errors import SoftswitchError

SendFrame = Callable[[bytes], None]

RX_BURST_FRAMES = 64
"""How many frames a driver takes from one port before it lets the event loop serve the others."""


class PortError(SoftswitchError):
    """A port cannot be opened or its number cannot be used."""


@dataclass(slots=True)
class PortCounters:
    """What one port has seen. An error is a frame that the interface refused, a drop one that found no room."""

    rx_frames: int = 0
    rx_bytes: int = 0
    rx_errors: int = 0
    tx_frames: int = 0
    tx_bytes: int = 0
    tx_errors: int = 0
    tx_drops: int = 0


@dataclass(frozen=True, slots=True)
class PortState:
    """One port as it is now. Names are unique on a device."""

    number: int
    name: str
    is_up: bool
    counters: PortCounters


class PortHost(Protocol):
    """The device, as drivers see it."""

    def port_added(self, number: int, send: SendFrame, *, is_up: bool) -> None:
        """A port appeared. Raises PortError when the number is taken or is no port number."""

    def port_removed(self, number: int) -> None:
        """A port is gone."""

    def port_state_changed(self, number: int, *, is_up: bool) -> None:
        """The link of a port went up or down."""

    def frame_received(self, number: int, frame: bytes) -> None:
        """A frame arrived at a port."""


class PortDriver(ABC):
    """One or more ports of one kind."""

    @abstractmethod
    def start(self, host: PortHost) -> None:
        """Open the ports and announce them; needs a running event loop. Raises PortError when that is impossible."""

    @abstractmethod
    def stop(self) -> None:
        """Close the ports and withdraw them; may be called at any time, and twice."""

    def port_name(self, number: int) -> str:
        """What people call one of these ports: the network interface, where there is one."""
        return f"port{number}"

    @abstractmethod
    def counters(self) -> dict[int, PortCounters]:
        """The counters of each port by number."""
