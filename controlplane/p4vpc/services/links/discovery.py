# SPDX-License-Identifier: Apache-2.0
"""LLDP between switches: sends it from every fabric port now and then, and hears what comes in.

The controller sends by packet-out and hears by packet-in (`traps` shows it LLDP of fabric ports). One task a switch: a
switch that does not take its packet-outs holds up no other.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias

import structlog

from p4vpc.compiler.access import PUNT_LLDP
from p4vpc.errors import SouthboundError
from p4vpc.services.links.hearing import FRAMES_TO_LOSE
from p4vpc.services.links.lldp import Sender, decode_frame, encode_frame
from p4vpc.services.links.monitor import LinkMonitor, LinkOptions
from p4vpc.southbound import Packet

Send: TypeAlias = Callable[[Packet], Awaitable[None]]
"""`Agent.packet_out`, or what does the same."""

_JITTER = 0.25


class Discovery:
    """Sends and hears for one switch; `run` does the work.

    Args:
        switch: its name.
        monitor: is told what is sent and heard.
        is_ready: whether the switch forwards what it is sent, and shows what it hears.
        options: see there.
        is_ready_elsewhere: whether another controller has the switch send LLDP; what it sends we expect to hear.
    """

    def __init__(
        self,
        switch: str,
        monitor: LinkMonitor,
        is_ready: Callable[[], bool],
        options: LinkOptions,
        is_ready_elsewhere: Callable[[], bool] = lambda: False,
    ):
        self._switch = switch
        self._monitor = monitor
        self._is_ready = is_ready
        self._options = options
        self._is_ready_elsewhere = is_ready_elsewhere
        self._random = Random(switch)
        self._log = structlog.get_logger().bind(switch=switch)

    @property
    def interval(self) -> float:
        """Seconds between two frames of a port; longer in a big fabric, so that it sends no more than allowed."""
        return max(self._options.lldp_interval, self._monitor.fabric_ports / self._options.lldp_rate)

    def offer(self, packet: Packet) -> bool:
        """Take a packet-in; False if it is no LLDP."""
        port = packet.metadata.get("ingress_port")
        if packet.metadata.get("reason") != PUNT_LLDP or port is None:
            return False
        sender = decode_frame(packet.payload)
        if sender is not None:
            self._monitor.lldp_heard(self._switch, port, sender)
        return True

    async def run(self, send: Send) -> None:
        """Send until cancelled; nothing if LLDP is switched off."""
        if not self._options.lldp_interval:
            return
        while True:
            if self._is_ready():
                await self.send_all(send)
            elif self._is_ready_elsewhere():
                for port in self._monitor.lldp_ports(self._switch):
                    self._monitor.lldp_sent(self._switch, port)
            await asyncio.sleep(self.interval * self._random.uniform(1 - _JITTER, 1 + _JITTER))

    async def send_all(self, send: Send) -> None:
        """Send one frame by each fabric port."""
        ttl = math.ceil((FRAMES_TO_LOSE + 1) * self.interval)
        try:
            for port in self._monitor.lldp_ports(self._switch):
                frame = encode_frame(Sender(self._switch, str(port)), self._monitor.router_mac(self._switch), ttl)
                await send(Packet(frame, {"egress_port": port}))
                self._monitor.lldp_sent(self._switch, port)
        except SouthboundError as error:
            self._log.debug("LLDP not sent", reason=str(error))
