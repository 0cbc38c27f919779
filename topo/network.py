# SPDX-License-Identifier: Apache-2.0
"""A fabric plan turned into namespaces, interfaces and addresses.

The switches' interfaces are in the fabric's namespace, which is the one that this process is in. Each host and each
unmanaged neighbour has a namespace of its own, with one interface `eth0`.
"""

from collections.abc import Mapping

from topo import links
from topo.fabric import FabricPlan, NeighborPlan, SwitchPort
from topo.namespaces import Namespace

HOST_INTERFACE = "eth0"


class Network:
    """The namespaces of a run and everything in them."""

    def __init__(self, plan: FabricPlan) -> None:
        """Build all of it; what was built so far is gone again if that fails. Raises CommandError."""
        self.fabric = Namespace.current("fabric")
        self._hosts: dict[str, Namespace] = {}
        self._neighbors: dict[str, Namespace] = {}
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

    def close(self) -> None:
        """Let go of every namespace; the kernel removes those that no process is in."""
        for namespace in (*self._hosts.values(), *self._neighbors.values(), self.fabric):
            namespace.close()

    def _build(self, plan: FabricPlan) -> None:
        links.disable_ipv6(self.fabric)
        commands = ["link set lo up"]
        for cable in plan.cables:
            commands.append(
                f"link add {cable.a.interface} mtu {links.FABRIC_MTU} type veth peer name {cable.b.interface}"
            )
            commands.append(f"link set {cable.b.interface} mtu {links.FABRIC_MTU}")
        for neighbor in plan.neighbors:
            self._neighbors[neighbor.name] = self._new(neighbor.name)
            commands.append(_pair(neighbor.plug, self._neighbors[neighbor.name], neighbor.mac, links.FABRIC_MTU))
        for host in plan.hosts:
            self._hosts[host.key] = self._new(host.key)
            commands.append(_pair(host.plug, self._hosts[host.key], host.mac, links.HOST_MTU))
        interfaces = [port.interface for switch in plan.switches for port in switch.ports]
        commands += [f"link set {interface} addrgenmode none up" for interface in interfaces]
        links.ip_batch(self.fabric, commands)
        links.disable_offloads(self.fabric, interfaces)
        for neighbor in plan.neighbors:
            _configure(self._neighbors[neighbor.name], f"{neighbor.address}/32", _routes_of(neighbor))
        for host in plan.hosts:
            _configure(self._hosts[host.key], str(host.address), [f"route add default via {host.gateway}"])

    def _new(self, name: str) -> Namespace:
        namespace = Namespace.create(name)
        links.disable_ipv6(namespace)
        return namespace


def _pair(plug: SwitchPort, namespace: Namespace, mac: str, mtu: int) -> str:
    return (
        f"link add {plug.interface} mtu {links.FABRIC_MTU} type veth "
        f"peer name {HOST_INTERFACE} mtu {mtu} address {mac} netns {namespace.path}"
    )


def _routes_of(neighbor: NeighborPlan) -> list[str]:
    return [
        f"route add {neighbor.gateway} dev {HOST_INTERFACE}",
        f"route add default via {neighbor.gateway}",
    ]


def _configure(namespace: Namespace, address: str, routes: list[str]) -> None:
    links.disable_offloads(namespace, [HOST_INTERFACE])
    links.ip_batch(
        namespace,
        [
            "link set lo up",
            f"link set {HOST_INTERFACE} addrgenmode none up",
            f"address add {address} dev {HOST_INTERFACE}",
            *routes,
        ],
    )
