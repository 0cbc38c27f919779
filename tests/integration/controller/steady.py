# SPDX-License-Identifier: Apache-2.0
"""Traffic that leaves the switches of this process time for everything else."""

import asyncio

from scapy.layers.l2 import Ether

from tests.integration.controller.test_mobility import Traffic

PAUSE_SECONDS = 0.02
_IPV6 = 0x86DD


class SteadyTraffic(Traffic):
    """Each source sends a packet of each family, then there is a pause."""

    async def run(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(PAUSE_SECONDS)

    def collect(self) -> None:
        """Leave out what the gateway says unasked."""
        for place in self.places:
            for frame in self.fabric.received(place):
                if b"<" not in frame:
                    continue
                number = frame[frame.rindex(b"<") : frame.rindex(b">") + 1]
                self.arrived[int(Ether(frame).type == _IPV6), number] += 1
                self.by_place[place] += 1
