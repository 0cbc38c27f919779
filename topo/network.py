# SPDX-License-Identifier: Apache-2.0
"""A fabric plan turned into namespaces, interfaces and addresses.

The switches' interfaces are in the fabric's namespace, which is the one that this process is in. Each host and each
unmanaged neighbour has a namespace of its own, with one interface `eth0`.
"""

import asyncio
import time
from collections.abc import Mapping

from topo import links
from topo.cables import Cables
from topo.errors import StartError
from topo.fabric import FabricPlan, HostPlan, NeighborPlan, SwitchPort
from topo.links import AddressState
from topo.namespaces import Namespace

HOST_INTERFACE = "eth0"

DAD_TIMEOUT_S = 20.0
"""How long duplicate address detection of all hosts may take. Linux listens for one second."""

_POLL_S = 0.05


class Network:
    """The namespaces of a run and everything in them.

    Attributes:
        fabric: where the switches' interfaces are.
        cables: between switches.
    """

    def __init__(self, plan: FabricPlan) -> None:
        """Build all of it; what was built so far is gone again if that fails. Raises CommandError."""
        self.fabric = Namespace.current("fabric")
        self._hosts: dict[str, Namespace] = {}
        self._neighbors: dict[str, Namespace] = {}
        try:
            links.disable_ipv6(self.fabric)
            self.cables = Cables(self.fabric, plan.cables)
        except BaseException:
            self.fabric.close()
            raise
        try:
            self._build(plan)
        except BaseException:
            self.close()
            raise

    @property
    def hosts(self) -> Mapping[str, Namespace]:
        """Namespace of each tenant host, by port key."""
        return self._hosts

    @property
    def neighbors(self) -> Mapping[str, Namespace]:
        """Namespace of each unmanaged neighbour, by link name."""
        return self._neighbors

    async def wait_usable(self) -> None:
        """Wait until every host may use its IPv6 addresses; StartError if one is taken, or it takes too long."""
        deadline = time.monotonic() + DAD_TIMEOUT_S
        for key, namespace in self._hosts.items():
            while True:
                states = links.ipv6_states(namespace, HOST_INTERFACE)
                duplicates = [address for address, state in states.items() if state is AddressState.DUPLICATE]
                if duplicates:
                    raise StartError(f"host {key}: somebody else has {', '.join(map(str, duplicates))}")
                if AddressState.TENTATIVE not in states.values():
                    break
                if time.monotonic() > deadline:
                    raise StartError(f"host {key}: no IPv6 address is usable after {DAD_TIMEOUT_S:.0f} s")
                await asyncio.sleep(_POLL_S)

    def close(self) -> None:
        """Let go of every namespace; the kernel removes those that no process is in."""
        for namespace in (*self._hosts.values(), *self._neighbors.values(), self.fabric):
            namespace.close()
        self.cables.close()

    def _build(self, plan: FabricPlan) -> None:
        commands = ["link set lo up"]
        for neighbor in plan.neighbors:
            self._neighbors[neighbor.name] = self._new(neighbor.name)
            commands.append(_pair(neighbor.plug, self._neighbors[neighbor.name], neighbor.mac, links.FABRIC_MTU))
        for host in plan.hosts:
            self._hosts[host.key] = self._new(host.key, has_ipv6=6 in host.families)
            commands.append(_pair(host.plug, self._hosts[host.key], host.mac, plan.tenant_mtu))
        interfaces = [port.interface for switch in plan.switches for port in switch.ports]
        commands += [f"link set {interface} addrgenmode none up" for interface in interfaces]
        links.ip_batch(self.fabric, commands)
        links.disable_offloads(self.fabric, interfaces)
        for neighbor in plan.neighbors:
            _configure_neighbor(self._neighbors[neighbor.name], neighbor)
        for host in plan.hosts:
            _configure_host(self._hosts[host.key], host)

    def _new(self, name: str, *, has_ipv6: bool = False) -> Namespace:
        namespace = Namespace.create(name)
        if has_ipv6:
            links.ignore_router_advertisements(namespace)
        else:
            links.disable_ipv6(namespace)
        return namespace


def _pair(plug: SwitchPort, namespace: Namespace, mac: str, mtu: int) -> str:
    return (
        f"link add {plug.interface} mtu {links.FABRIC_MTU} type veth "
        f"peer name {HOST_INTERFACE} mtu {mtu} address {mac} netns {namespace.path}"
    )


def _configure_neighbor(namespace: Namespace, neighbor: NeighborPlan) -> None:
    links.disable_offloads(namespace, [HOST_INTERFACE])
    links.ip_batch(
        namespace,
        [
            "link set lo up",
            f"link set {HOST_INTERFACE} addrgenmode none up",
            f"address add {neighbor.address}/32 dev {HOST_INTERFACE}",
            f"route add {neighbor.gateway} dev {HOST_INTERFACE}",
            f"route add default via {neighbor.gateway}",
        ],
    )


def _configure_host(namespace: Namespace, host: HostPlan) -> None:
    """Addresses and default routes; with IPv6 also a link-local address of the MAC, and detection of duplicates."""
    generation = "eui64" if 6 in host.families else "none"
    gateways = dict.fromkeys(item.gateway for item in host.addresses)
    links.disable_offloads(namespace, [HOST_INTERFACE])
    links.ip_batch(
        namespace,
        [
            "link set lo up",
            f"link set {HOST_INTERFACE} addrgenmode {generation} up",
            *(f"address add {item.interface} dev {HOST_INTERFACE}" for item in host.addresses),
            *(f"route add default via {gateway} dev {HOST_INTERFACE}" for gateway in gateways),
        ],
    )
