# SPDX-License-Identifier: Apache-2.0
"""What to build: the switches, links and hosts that a fabric file describes.

The file is the one that `p4vpc apply` takes (Contract 4 in docs/architecture.md), read by the controller's own reader,
so that both see the same objects and report the same mistakes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface
from pathlib import Path
from typing import TypeVar

from p4vpc.errors import UserError
from p4vpc.intent import Fabric, Intent, Link, LinkEnd, Neighbor, Port, Subnet, Switch, SwitchAttachment, load_yaml
from topo.errors import FabricFileError
from topo.links import MAX_NAME_LENGTH

FAMILIES = (4, 6)
"""IP versions, in the order in which everything is done and shown."""

_LOOPBACK = ("127.0.0.1", "localhost")

AnyIntent = TypeVar("AnyIntent", bound=Intent)


@dataclass(frozen=True, slots=True)
class SwitchPort:
    """A port of a switch and the Linux interface that stands behind it, in the fabric's namespace."""

    switch: str
    number: int
    interface: str


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """A switch process: which TCP port of 127.0.0.1 its P4Runtime server has, and which switch ports."""

    name: str
    device_id: int
    grpc_port: int
    ports: tuple[SwitchPort, ...]


@dataclass(frozen=True, slots=True)
class Cable:
    """A link between two switches."""

    a: SwitchPort
    b: SwitchPort


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An address of a host, with the length of its subnet's prefix, and the gateway for everything else."""

    interface: IPv4Interface | IPv6Interface
    gateway: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A tenant's Linux host: one port of a VPC, attached to a leaf. `key` is the port's key, `tenant/vpc/name`."""

    key: str
    plug: SwitchPort
    mac: str
    addresses: tuple[HostAddress, ...]

    @property
    def vpc(self) -> str:
        """Key of its VPC."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def families(self) -> tuple[int, ...]:
        """The IP versions that it speaks."""
        return tuple(family for family in FAMILIES if self.address(family) is not None)

    def address(self, family: int) -> IPv4Address | IPv6Address | None:
        """The first of its addresses of IP version `family`, None if it has none."""
        return next((item.interface.ip for item in self.addresses if item.interface.version == family), None)


@dataclass(frozen=True, slots=True)
class NeighborPlan:
    """A machine on the underlay that p4vpc does not manage: the far end of a link with a `mac` and `prefixes`.

    It gets the first address of its first prefix, and routes everything to the switch.
    """

    name: str
    plug: SwitchPort
    mac: str
    address: IPv4Address
    gateway: IPv4Address


@dataclass(frozen=True, slots=True)
class FabricPlan:
    """Everything that a fabric file asks for, with interface names chosen; `tenant_mtu` in bytes."""

    objects: tuple[Intent, ...]
    tenant_mtu: int
    switches: tuple[SwitchPlan, ...]
    cables: tuple[Cable, ...]
    hosts: tuple[HostPlan, ...]
    neighbors: tuple[NeighborPlan, ...]


def read(paths: Sequence[Path]) -> FabricPlan:
    """Read fabric files as one stream of documents; raises FabricFileError with every mistake."""
    objects: list[Intent] = []
    for path in paths:
        try:
            objects.extend(load_yaml(path.read_text(encoding="utf-8"), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise FabricFileError(f"{path}: cannot be read: {error}") from error
        except UserError as error:
            raise FabricFileError(str(error)) from error
    return plan(objects)


def plan(objects: Iterable[Intent]) -> FabricPlan:
    """Work out switches, cables and hosts; raises FabricFileError with every reason why that is not possible."""
    every = tuple(objects)
    switches = of_type(every, Switch)
    if not switches:
        raise FabricFileError("the fabric has no switch; it needs documents of `kind: switch`")
    builder = _Builder(switches, of_type(every, Subnet))
    for switch in switches:
        builder.add_address(switch)
    for link in of_type(every, Link):
        builder.add_link(link)
    for port in of_type(every, Port):
        if isinstance(port.attachment, SwitchAttachment):
            builder.add_host(port, port.attachment)
    if builder.problems:
        raise FabricFileError("\n".join(builder.problems))
    return FabricPlan(
        every,
        next(iter(of_type(every, Fabric)), Fabric()).tenant_mtu,
        builder.switches(),
        tuple(builder.cables),
        tuple(builder.hosts),
        tuple(builder.neighbors),
    )


def of_type(objects: Iterable[Intent], kind: type[AnyIntent]) -> list[AnyIntent]:
    """The objects of one class, in their order."""
    return [item for item in objects if isinstance(item, kind)]


class _Builder:
    def __init__(self, switches: Sequence[Switch], subnets: Iterable[Subnet]) -> None:
        self.problems: list[str] = []
        self.cables: list[Cable] = []
        self.hosts: list[HostPlan] = []
        self.neighbors: list[NeighborPlan] = []
        self._switches = switches
        self._index = {switch.name: number for number, switch in enumerate(switches, start=1)}
        self._subnets = {subnet.key: subnet for subnet in subnets}
        self._grpc_ports: dict[str, int] = {}
        self._plugs: dict[tuple[str, int], SwitchPort] = {}
        self._users: dict[tuple[str, int], str] = {}

    def switches(self) -> tuple[SwitchPlan, ...]:
        return tuple(
            SwitchPlan(
                switch.name,
                switch.device_id,
                self._grpc_ports.get(switch.name, 0),
                tuple(self._plugs[key] for key in sorted(self._plugs) if key[0] == switch.name),
            )
            for switch in self._switches
        )

    def add_address(self, switch: Switch) -> None:
        host, _, port = switch.p4runtime.rpartition(":")
        if host not in _LOOPBACK:
            self.problems.append(
                f"{switch}: p4runtime: switches of this machine listen on 127.0.0.1 (127.0.0.1:{port})"
            )
        elif int(port) in self._grpc_ports.values():
            self.problems.append(f"{switch}: p4runtime: port {port} is taken by another switch")
        else:
            self._grpc_ports[switch.name] = int(port)

    def add_link(self, link: Link) -> None:
        a = self._plug(str(link), "a", link.a.switch, link.a.port)
        if isinstance(link.b, LinkEnd):
            b = self._plug(str(link), "b", link.b.switch, link.b.port)
            if a and b:
                self.cables.append(Cable(a, b))
        elif a:
            self._add_neighbor(link, link.b, a)

    def _add_neighbor(self, link: Link, neighbor: Neighbor, plug: SwitchPort) -> None:
        if link.a.address is None:
            self.problems.append(f"{link}: a.address: a neighbour needs it as its next hop (like address: 192.0.2.1)")
            return
        first = neighbor.prefixes[0]
        if not isinstance(first, IPv4Network) or not isinstance(link.a.address, IPv4Address):
            self.problems.append(f"{link}: b.prefixes[0]: machines on the underlay are IPv4 here, and so is a.address")
            return
        address = next(iter(first.hosts()))
        self.neighbors.append(NeighborPlan(link.name, plug, str(neighbor.mac), address, link.a.address))

    def add_host(self, port: Port, attachment: SwitchAttachment) -> None:
        subnet = self._subnets.get(f"{port.vpc_key}/{port.subnet}")
        if subnet is None:
            self.problems.append(f"{port}: subnet: there is no subnet {port.vpc_key}/{port.subnet} in these files")
            return
        if attachment.vlan is not None:
            self.problems.append(f"{port}: attachment.vlan: hosts are untagged here; remove vlan, or the attachment")
            return
        plug = self._plug(str(port), "attachment", attachment.switch, attachment.port)
        if plug is None:
            return
        addresses = tuple(_host_addresses(port, subnet))
        if port.mac is None:
            self.problems.append(f"{port}: mac: a host is made before the controller allocates one; give it one")
            return
        if not addresses:
            self.problems.append(f"{port}: addresses: a host needs one of its subnet's families; give it one")
            return
        self.hosts.append(HostPlan(port.key, plug, str(port.mac), addresses))

    def _plug(self, user: str, field: str, switch: str, number: int) -> SwitchPort | None:
        if switch not in self._index:
            names = ", ".join(self._index)
            self.problems.append(f"{user}: {field}.switch: there is no switch {switch} (there are {names})")
            return None
        key = (switch, number)
        other = self._users.setdefault(key, user)
        if other != user:
            self.problems.append(f"{user}: {field}.port: port {number} of {switch} is taken by {other}")
            return None
        name = f"{switch}-{number}"
        if len(name) > MAX_NAME_LENGTH:
            name = f"sw{self._index[switch]}-{number}"
        return self._plugs.setdefault(key, SwitchPort(switch, number, name))


def _host_addresses(port: Port, subnet: Subnet) -> Iterator[HostAddress]:
    """A port's addresses, IPv4 before IPv6."""
    for address in port.addresses:
        if isinstance(address, IPv4Address) and subnet.ipv4 is not None:
            gateway = subnet.gateway_v4 or next(iter(subnet.ipv4.hosts()))
            yield HostAddress(IPv4Interface((address, subnet.ipv4.prefixlen)), gateway)
    for address in port.addresses:
        if isinstance(address, IPv6Address) and subnet.ipv6 is not None:
            gateway_v6 = subnet.gateway_v6 or next(iter(subnet.ipv6.hosts()))
            yield HostAddress(IPv6Interface((address, subnet.ipv6.prefixlen)), gateway_v6)
