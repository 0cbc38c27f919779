# SPDX-License-Identifier: Apache-2.0
"""A program: hosts on a plain Linux bridge instead of P4 switches; pings all pairs, prints the outcomes as JSON.

A bridge knows no policy, so every refusal that the intents ask for must show as a problem. Arguments: fabric file and
`program` or `python`, for who sends the echo requests.
"""

import asyncio
import json
import sys
from pathlib import Path

from topo import fabric, links, namespaces, render
from topo.drops import DropCounters
from topo.expect import Policy
from topo.matrix import Prober
from topo.network import Network


async def no_drops() -> DropCounters:
    """What a switch that never drops counts."""
    return {}


def main(path: str, sender: str) -> None:
    """Build, ping, print."""
    plan = fabric.read([Path(path)])
    namespaces.isolate()
    network = Network(plan)
    ports = [port.interface for switch in plan.switches for port in switch.ports]
    links.ip_batch(
        network.fabric,
        ["link add bridge0 type bridge", "link set bridge0 up", *(f"link set {port} master bridge0" for port in ports)],
    )

    async def ping() -> None:
        await network.wait_usable()
        prober = Prober(network, Policy(plan.objects), no_drops, is_program=sender == "program")
        outcomes = await prober.run(plan.hosts, lambda done, total: None)
        print(json.dumps(render.as_json(outcomes)))

    asyncio.run(ping())
    network.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
