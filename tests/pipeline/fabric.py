# SPDX-License-Identifier: Apache-2.0
"""A whole fabric in memory: intent to model to entries to softswitches that are wired as the links say."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path

from p4vpc.compiler import DesiredState, DropReason, Entry, Identity, compile_switch
from p4vpc.intent import (
    ClaimId,
    Identifiers,
    Intent,
    Link,
    LinkEnd,
    ObjectId,
    Port,
    Subnet,
    Switch,
    SwitchAttachment,
    load_yaml,
)
from p4vpc.model import Model, build_model, check_objects, plan_identifiers
from p4vpc.reconcile import Plan, plan
from p4vpc.southbound.pipeline import DEVICE_CONFIG_FILE, Pipeline
from softswitch.program import Program
from softswitch.runtime import switch as engine
from tests.pipeline.entries import apply, read_back

ROOT = Path(__file__).parents[2]
PIPELINE_DIR = ROOT / "p4src" / "build" / "v1model"
EXAMPLE = ROOT / "topo" / "examples" / "two-tenants.yaml"
MOST_HOPS = 8

Place = tuple[str, int]
"""Switch and switch port."""


@dataclass(frozen=True)
class Delivery:
    """A frame that left the fabric, and the switches that it went through."""

    place: Place
    frame: bytes
    path: tuple[str, ...]


@dataclass
class Numbers:
    """Allocates identifiers as the store does, but in memory: smallest free number first, never twice."""

    held: dict[ClaimId, int] = field(default_factory=dict)

    def model(self, objects: Iterable[Intent]) -> Model:
        """The model of these objects, with a number for each claim."""
        every = list(objects)
        check_objects(every)
        for claim in plan_identifiers(every, Identifiers(self.held)).allocate:
            taken = {number for other, number in self.held.items() if other.pool == claim.id.pool}
            self.held[claim.id] = next(number for number in count(claim.low) if number not in taken)
        return build_model(every, Identifiers(self.held))


@lru_cache(maxsize=1)
def _load() -> tuple[Pipeline, Program]:
    """The compiled pipeline, for the controller and for the switches; both immutable."""
    return Pipeline.load(PIPELINE_DIR), Program.from_json((PIPELINE_DIR / DEVICE_CONFIG_FILE).read_bytes())


class MemoryFabric:
    """Softswitches of a fabric, their links, and the desired state that they were brought to."""

    def __init__(self, objects: Iterable[Intent], now_us: Callable[[], int] | None = None) -> None:
        self.objects = list(objects)
        self.numbers = Numbers()
        self.pipeline, program = _load()
        self.tables = tuple(name for name, table in self.pipeline.info.schema.tables.items() if not table.is_const)
        names = [item.name for item in self.objects if isinstance(item, Switch)]
        self.switches: dict[str, engine.Switch] = {
            name: program.instantiate() if now_us is None else program.instantiate(now_us=now_us) for name in names
        }
        self.links: dict[Place, Place] = {}
        for link in self.objects:
            if isinstance(link, Link) and isinstance(link.b, LinkEnd):
                a, b = (link.a.switch, link.a.port), (link.b.switch, link.b.port)
                self.links[a], self.links[b] = b, a

    @classmethod
    def example(cls, now_us: Callable[[], int] | None = None) -> "MemoryFabric":
        """The fabric of the two-tenants example, with its intent realised; a clock in place of the machine's."""
        fabric = cls(load_yaml(EXAMPLE.read_text(), str(EXAMPLE)), now_us)
        fabric.realise(fabric.objects)
        return fabric

    def desired(self, objects: Iterable[Intent], down_links: Collection[ObjectId] = ()) -> dict[str, DesiredState]:
        """What each switch shall hold for these objects while some links are down."""
        model = self.numbers.model(objects)
        return {name: compile_switch(model, name, down_links=down_links) for name in self.switches}

    def plan(self, name: str, desired: DesiredState, batch_size: int = 500) -> Plan:
        """What has to be written to one switch."""
        made = plan(desired, self.holds(name), self.pipeline.info.schema, batch_size=batch_size)
        assert not made.left_out, made.left_out
        return made

    def realise(self, objects: Iterable[Intent], down_links: Collection[ObjectId] = ()) -> int:
        """Brings all switches to the intent; gives the number of updates."""
        updates = 0
        for name, desired in self.desired(objects, down_links).items():
            for batch in self.plan(name, desired).batches:
                apply(self.switches[name], batch)
                updates += len(batch)
        return updates

    def holds(self, name: str) -> dict[Identity, Entry]:
        """The entries of one switch, by identity."""
        return read_back(self.switches[name], self.tables)

    def snapshot(self) -> dict[str, dict[Identity, Entry]]:
        """The entries of all switches."""
        return {name: self.holds(name) for name in self.switches}

    def send(self, place: Place, frame: bytes) -> list[Delivery]:
        """A frame sent into an edge port, followed over the links until each copy has left the fabric."""
        delivered = []
        waiting: list[tuple[Place, bytes, tuple[str, ...]]] = [(place, frame, ())]
        while waiting:
            (name, port), raw, so_far = waiting.pop()
            path = (*so_far, name)
            assert len(path) <= MOST_HOPS, f"the frame runs in circles: {path}"
            for egress, out in self.switches[name].process(port, raw):
                far_end = self.links.get((name, egress))
                if far_end is None:
                    delivered.append(Delivery((name, egress), out, path))
                else:
                    waiting.append((far_end, out, path))
        return delivered

    def drops(self) -> dict[tuple[str, str], int]:
        """Packets dropped so far by (switch, reason), where there are any."""
        found: dict[tuple[str, str], int] = {}
        for name, switch in self.switches.items():
            for table in ("drop_reasons", "egress_drop_reasons"):
                for entry in switch.tables[table]:
                    (number,) = entry.key
                    if entry.packets and isinstance(number, int):
                        reason = DropReason(number).name.lower()
                        found[(name, reason)] = found.get((name, reason), 0) + entry.packets
        return found


@dataclass(frozen=True)
class HostPort:
    """A port of the intent with what a host on it would know."""

    port: Port
    subnet: Subnet
    gateway_mac: str

    @property
    def key(self) -> str:
        return self.port.key

    @property
    def name(self) -> str:
        """The last part of the key: `web-1`."""
        return self.port.name

    @property
    def mac(self) -> str:
        return str(self.port.mac)

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        (address,) = (address for address in self.port.addresses if address.version == 4)
        return str(address)

    @property
    def gateway(self) -> str:
        return str(self.subnet.gateway_v4 or self.subnet.ipv4[1])

    @property
    def place(self) -> Place:
        attachment = self.port.attachment
        assert isinstance(attachment, SwitchAttachment), attachment
        return attachment.switch, attachment.port

    def next_mac(self, other: "HostPort") -> str:
        """Whom the host addresses its frame to: the other one, or the gateway when it is not in the subnet."""
        is_neighbour = IPv4Address(other.address) in self.subnet.ipv4
        return other.mac if is_neighbour else self.gateway_mac


def hosts(fabric: MemoryFabric) -> dict[str, HostPort]:
    """The hosts of a fabric by port key."""
    model = fabric.numbers.model(fabric.objects)
    subnets = {item.key: item for item in fabric.objects if isinstance(item, Subnet)}
    macs = {subnet.id.key: str(subnet.gateway_mac) for vpc in model.vpcs.values() for subnet in vpc.subnets}
    result = {}
    for item in fabric.objects:
        if isinstance(item, Port):
            subnet = f"{item.vpc_key}/{item.subnet}"
            result[item.key] = HostPort(item, subnets[subnet], macs[subnet])
    return result
