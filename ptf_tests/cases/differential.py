# SPDX-License-Identifier: Apache-2.0
"""The target against softswitch's engine in memory: the same random frames, the same outputs, the same counters."""

import random
import secrets
from collections import Counter
from pathlib import Path

import ptf
from ptf import testutils
from ptf.dataplane import DataPlane
from scapy.layers.inet import UDP
from scapy.packet import Packet

from ptf_tests import leaf, packets
from ptf_tests.base import BURST, CONFIG_FILE, DROP_REASONS, DROP_TABLES, WAIT_S
from ptf_tests.entries import policy
from ptf_tests.leaf import LOCAL_HOSTS, REMOTE_HOSTS, Host, LeafTest
from ptf_tests.native import install
from ptf_tests.p4info import Entry
from softswitch.program import Program
from softswitch.runtime.switch import Switch

_LONGEST = 1600
_INTERESTING = (0x00, 0x01, 0x04, 0x05, 0x06, 0x11, 0x45, 0x46, 0x4F, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
_SHORTEST_ON_A_NIC = 15
_SHORTEST_WITH_TAG = 20
_TAG_TYPES = (b"\x81\x00", b"\x88\xa8")

Sent = tuple[int, bytes]


class SameAsTheEngineInMemory(LeafTest):
    """Random valid, mutated and truncated frames come out of the target just as softswitch's engine computes them."""

    policies = (
        leaf.permit_all(),
        policy("deny", protocol=17, ports=(2000, 29999), priority=5),
        policy("permit", src=leaf.WEB, dst=leaf.DB, ports=(0, 2500), priority=9),
    )

    def runTest(self) -> None:
        params = testutils.test_params_get()
        seed = params.get("seed")
        seed = secrets.randbelow(1 << 32) if seed is None else int(str(seed))
        count = int(str(params.get("count", 400)))
        print(f"differential: seed {seed}, {count} frames", flush=True)
        program = Program.from_json((Path(str(params["pipeline"])) / CONFIG_FILE).read_bytes())
        engine = program.instantiate()
        install(engine, (item for item in self.installed if isinstance(item, Entry)))
        self.assertGreater(count, 0)
        frames = Frames(random.Random(seed), is_on_nic=ptf.config["platform"] != "nn")
        for start in range(0, count, BURST):
            batch = [frames.draw() for _ in range(min(BURST, count - start))]
            if not self._is_same(engine, batch):
                self._find(engine, batch, seed)

    def _is_same(self, engine: Switch, batch: list[Sent]) -> bool:
        """Whether outputs and drop counters agree; the order of frames on a port is not compared."""
        before, engine_before = self.drops(), _engine_drops(engine)
        wanted = Counter(output for port, frame in batch for output in engine.process(port, frame))
        if self._outputs(batch, wanted.total()) != wanted:
            return False
        after = {name: before[name] + count - engine_before[name] for name, count in _engine_drops(engine).items()}
        return self.wait_for(lambda: self.drops() == after)

    def _find(self, engine: Switch, batch: list[Sent], seed: int) -> None:
        """Fails with the first frame of a batch that differs when it is sent alone."""
        for port, frame in batch:
            before, engine_before = self.drops(), _engine_drops(engine)
            if self._is_same(engine, [(port, frame)]):
                continue
            wanted = engine.process(port, frame)
            got = sorted((out, raw.hex()) for out, raw in self._outputs([(port, frame)], len(wanted)).elements())
            self.fail(
                f"seed {seed}: into port {port}: {frame.hex()}\n"
                f"target: {got}, drops {_rise(before, self.drops())}\n"
                f"engine: {sorted((out, raw.hex()) for out, raw in wanted)}, "
                f"drops {_rise(engine_before, _engine_drops(engine))} (sent twice)"
            )
        self.fail(f"seed {seed}: a burst of {len(batch)} frames differs, though each of its frames alone does not")

    def _outputs(self, batch: list[Sent], expected: int) -> Counter[Sent]:
        """What the target sends for a batch: waits for as much as is expected, then for what is too much."""
        for port, frame in batch:
            self.send(port, frame)
        got: Counter[Sent] = Counter()
        while True:
            result = testutils.dp_poll(self, timeout=WAIT_S if got.total() < expected else 0.02)
            if isinstance(result, DataPlane.PollFailure):
                return got
            got[(result.port, result.packet)] += 1


class Frames:
    """A stream of frames to the leaf's ports: good ones, and good ones with something broken."""

    def __init__(self, draw_from: random.Random, *, is_on_nic: bool) -> None:
        self._random = draw_from
        self._is_on_nic = is_on_nic

    def draw(self) -> Sent:
        """The next frame and the port it goes into."""
        port, packet = self._tunnelled() if self._random.random() < 0.5 else self._from_access()
        raw = bytearray(bytes(packet))
        mutate = self._random.choice((self._keep, self._keep, self._flip, self._poke, self._cut, self._extend))
        mutate(raw)
        if self._random.random() < 0.05:
            port = self._random.randint(1, 8)
        return port, self._sendable(bytes(raw[:_LONGEST]))

    def _sendable(self, raw: bytes) -> bytes:
        """Linux delivers no frame below its Ethernet header, and none with half an 802.1Q tag."""
        if not self._is_on_nic:
            return raw
        raw = raw.ljust(_SHORTEST_ON_A_NIC, b"\0")
        return raw.ljust(_SHORTEST_WITH_TAG, b"\0") if raw[12:14] in _TAG_TYPES else raw

    def _from_access(self) -> tuple[int, Packet]:
        source = self._random.choice(LOCAL_HOSTS)
        return source.port, self._tenant_frame(source, tagged=True)

    def _tunnelled(self) -> tuple[int, Packet]:
        source = self._random.choice(REMOTE_HOSTS)
        inner = self._tenant_frame(source, tagged=False)
        if self._random.random() < 0.1:
            inner = leaf.from_tunnel(source.tunnel, source.subnet.vni, inner)
        outer = leaf.from_tunnel(source.tunnel, source.subnet.vni, inner)
        outer[UDP].sport = self._random.randrange(1 << 16)
        return self._random.choice(leaf.FABRIC_PORTS), outer

    def _tenant_frame(self, source: Host, *, tagged: bool) -> Packet:
        hosts = [host for host in (*LOCAL_HOSTS, *REMOTE_HOSTS) if host.subnet.vrf == source.subnet.vrf]
        target = self._random.choice(hosts)
        vlan = source.vlan if tagged else None
        if self._random.random() < 0.15:
            address = self._random.choice((target.address, source.subnet.gateway, source.address))
            return packets.arp_request(source.mac, source.address, address, vlan=vlan or None)
        is_bridged = target.subnet == source.subnet and self._random.random() < 0.8
        mac = target.mac if is_bridged else source.subnet.gateway_mac
        return packets.frame(source.mac, mac, self._layer(source.address, target.address), vlan=vlan or None)

    def _layer(self, src: str, dst: str) -> Packet:
        ttl = self._random.choice((0, 1, 2, 64, 255))
        port = self._random.choice((80, 2000, 2500, 4789, self._random.randrange(1 << 16)))
        kind = self._random.randrange(4)
        if kind == 0:
            return packets.tcp(src, dst, self._random.randrange(1 << 16), port, ttl=ttl)
        if kind == 1:
            return packets.icmp(src, dst, self._random.choice((0, 3, 8, 11)), self._random.randrange(16), ttl=ttl)
        layer = packets.udp(src, dst, 1234, port, ttl=ttl, length=self._random.choice((0, 1, 18, 500, 1400)))
        if kind == 2:
            layer.frag = self._random.choice((0, 1, 100))
            layer.flags = self._random.choice(("MF", "DF", 0))
        return layer

    def _keep(self, raw: bytearray) -> None:
        """A frame as it is."""

    def _flip(self, raw: bytearray) -> None:
        for _ in range(self._random.randint(1, 4)):
            raw[self._random.randrange(min(len(raw), 110))] ^= 1 << self._random.randrange(8)

    def _poke(self, raw: bytearray) -> None:
        for _ in range(self._random.randint(1, 3)):
            raw[self._random.randrange(min(len(raw), 110))] = self._random.choice(_INTERESTING)

    def _cut(self, raw: bytearray) -> None:
        del raw[self._random.randrange(1, len(raw)) :]

    def _extend(self, raw: bytearray) -> None:
        raw.extend(self._random.randbytes(self._random.randint(1, 64)))


def _rise(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in after.items() if count != before[name]}


def _engine_drops(engine: Switch) -> dict[str, int]:
    names = {number: name for name, number in DROP_REASONS.items()}
    drops = dict.fromkeys(DROP_REASONS, 0)
    for table in DROP_TABLES:
        for entry in engine.tables[table]:
            (number,) = entry.key
            if isinstance(number, int):
                drops[names[number]] += entry.packets
    return drops
