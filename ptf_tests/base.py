# SPDX-License-Identifier: Apache-2.0
"""What every packet test does: install, send, compare byte by byte, check drop counters, leave the tables empty."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import ptf
from ptf import testutils
from ptf.base_tests import BaseTest
from ptf.dataplane import DataPlane
from ptf.mask import Mask
from scapy.packet import Packet

from ptf_tests.client import Counted, P4RuntimeClient
from ptf_tests.p4info import Action, Entry, Match, MeterCell, Schema, Writable

P4INFO_FILE = "p4info.txtpb"
CONFIG_FILE = "p4vpc.json"
WAIT_S = 5.0
BURST = 16
"""Most frames in flight: libpcap, through which BMv2 receives, has room for 32 and drops silently what is beyond."""

DROP_REASONS = {
    "unknown_port": 1,
    "unknown_vtep": 2,
    "unknown_vni": 3,
    "vxlan_flags": 4,
    "outer_fragment": 5,
    "inner_vlan": 6,
    "spoof": 7,
    "ttl": 8,
    "no_route": 9,
    "unknown_destination": 10,
    "policy": 11,
    "split_horizon": 12,
    "same_port": 13,
    "no_underlay_route": 14,
    "ether_type": 15,
    "ip_header": 16,
    "martian": 17,
    "broadcast": 18,
    "to_gateway": 19,
    "arp_unknown": 20,
    "no_tunnel": 21,
    "no_neighbor": 22,
    "unknown_bridge_domain": 23,
    "underlay_ttl": 24,
    "not_vxlan": 25,
    "malformed": 26,
    "acl": 27,
    "ecn": 28,
    "rate": 29,
    "too_big": 30,
    "link_local": 31,
    "nd_unknown": 32,
    "learn": 33,
    "candidate": 34,
    "router_solicitation": 36,
}
DROP_TABLES = {"drop_reasons": "count_drop", "egress_drop_reasons": "count_egress_drop"}

Frame = Packet | bytes
Expected = Packet | bytes | Mask


@lru_cache(maxsize=1)
def connection() -> P4RuntimeClient:
    """The session with the target under test; the first call pushes the pipeline."""
    params = testutils.test_params_get()
    folder = Path(str(params["pipeline"]))
    schema = Schema.parse((folder / P4INFO_FILE).read_text())
    client = P4RuntimeClient(str(params["grpc_address"]), int(str(params["device_id"])), schema)
    client.open()
    client.push_pipeline((folder / CONFIG_FILE).read_bytes())
    return client


def disconnect() -> None:
    """Ends the session, if there is one."""
    if connection.cache_info().currsize:
        connection().close()
        connection.cache_clear()


class PipelineTest(BaseTest):
    """A test that starts with empty tables, but for one counter per drop reason, and leaves them empty."""

    dataplane: DataPlane
    client: P4RuntimeClient

    def setUp(self) -> None:
        super().setUp()
        dataplane = ptf.dataplane_instance
        if dataplane is None:
            self.fail("ptf has no data plane: run `python -m ptf_tests`")
        self.dataplane = dataplane
        self.client = connection()
        self.installed: list[Writable] = []
        self.limited: set[tuple[str, int]] = set()
        self._checked_drops: dict[str, int] | None = None
        self.addCleanup(self._clean_up)
        self.dataplane.flush()
        self.client.discard_packets()
        self.install(
            Entry(table, {"drop_reason": number}, Action(action))
            for table, action in DROP_TABLES.items()
            for number in DROP_REASONS.values()
        )

    def before_send(self, pkt: bytes, device_number: int = 0, port_number: int = -1) -> None:
        """Called by ptf for each frame that is sent."""

    def at_receive(self, pkt: bytes, device_number: int = 0, port_number: int = -1) -> None:
        """Called by ptf for each frame that is received."""

    def _clean_up(self) -> None:
        self.client.delete(reversed(self.installed))
        self.installed.clear()
        self.client.modify(MeterCell(meter, index) for meter, index in self.limited)
        self.limited.clear()
        self.assertEqual([], self.client.leftovers(), "the tables are not empty after the test")
        self.dataplane.flush()

    def install(self, items: Iterable[Writable]) -> None:
        """Writes entries that the clean-up will remove."""
        batch = list(items)
        self.client.insert(batch)
        self.installed.extend(batch)

    def remove(self, items: Iterable[Writable]) -> None:
        """Removes entries that `install` wrote."""
        batch = list(items)
        self.client.delete(batch)
        self._checked_drops = None
        for item in batch:
            self.installed.remove(item)

    def replace(self, old: Writable, new: Writable) -> None:
        """Gives an installed entry a new action."""
        self.client.modify([new])
        self.installed[self.installed.index(old)] = new

    def overwrite(self, new: Entry) -> None:
        """Gives the installed entry with the same key a new action."""
        self.replace(next(item for item in self.installed if isinstance(item, Entry) and _has_same_key(item, new)), new)

    def limit(self, *cells: MeterCell) -> None:
        """Gives cells of meters their rates, with full buckets; the clean-up will take them away."""
        self.client.modify(cells)
        self.limited.update((cell.meter, cell.index) for cell in cells)

    def send(self, port: int, *frames: Frame) -> None:
        """Sends frames into a switch port."""
        self._checked_drops = None
        for frame in frames:
            testutils.send_packet(self, port, bytes(frame))

    def receive(self, count: int) -> list[tuple[int, bytes]]:
        """The next `count` frames from any port, with the port; fails when fewer come."""
        frames = []
        for number in range(count):
            result = testutils.dp_poll(self, timeout=WAIT_S)
            if isinstance(result, DataPlane.PollFailure):
                self.fail(f"{number} of {count} frames came out within {WAIT_S:.0f} s; drops now: {self.drops()}")
            frames.append((result.port, result.packet))
        return frames

    def expect_silence(self) -> None:
        """Fails when a frame leaves the switch that nobody has asked for."""
        testutils.verify_no_other_packets(self)

    def expect(self, *expected: tuple[int, Expected]) -> list[bytes]:
        """Exactly these frames on these ports and nothing else; gives what came, in the order asked for."""
        received = self.receive(len(expected))
        frames = []
        for port, wanted in expected:
            found = next((item for item in received if item[0] == port and _is_same(wanted, item[1])), None)
            if found is None:
                self.fail(_difference(port, wanted, received))
            received.remove(found)
            frames.append(found[1])
        self.expect_silence()
        return frames

    def forwards(self, port: int, frame: Frame, *expected: tuple[int, Expected]) -> list[bytes]:
        """A frame sent into `port` comes out as expected, and no drop is counted."""
        before = self._drops_before()
        self.send(port, frame)
        frames = self.expect(*expected)
        self._checked_drops = self.drops()
        self.assertEqual(before, self._checked_drops, "a frame was forwarded and counted as dropped")
        return frames

    def drops_with(self, reason: str, port: int, *frames: Frame) -> None:
        """Each frame sent into `port` raises the named drop counter by one and no other; nothing comes out."""
        self.assertEqual({reason: len(frames)}, self.drops_all(port, frames))

    def drops_all(self, port: int, frames: Sequence[Frame]) -> dict[str, int]:
        """Each frame sent into `port` is dropped and counted once, nothing comes out; gives how often by reason."""
        before = self._drops_before()
        counted = before
        risen: dict[str, int] = {}

        def rises_to(total: int) -> bool:
            nonlocal counted, risen
            counted = self.drops()
            risen = {name: count - before[name] for name, count in counted.items() if count != before[name]}
            return sum(risen.values()) >= total

        for start in range(0, len(frames), BURST):
            burst = frames[start : start + BURST]
            self.send(port, *burst)
            self.wait_for(partial(rises_to, start + len(burst)))
        self.expect_silence()
        self.assertEqual(len(frames), sum(risen.values()), f"drops counted: {risen}")
        self._checked_drops = counted
        return risen

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Asks again until the condition holds or the bound is over; gives whether it holds."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if condition():
                return True
        return condition()

    def _drops_before(self) -> dict[str, int]:
        """What the last check has read, so that nothing is counted unseen between two checks; read anew after a test
        has sent without a check, or taken entries away."""
        return self.drops() if self._checked_drops is None else self._checked_drops

    def drops(self) -> dict[str, int]:
        """Packets dropped so far, by reason, over ingress and egress."""
        names = {number: name for name, number in DROP_REASONS.items()}
        result = dict.fromkeys(DROP_REASONS, 0)
        for (_, key), counted in self.client.counters(*DROP_TABLES).items():
            (number,) = key
            if isinstance(number, int):
                result[names[number]] += counted.packets
        return result

    def counter(self, table: str, *key: Match | None) -> Counted:
        """The direct counter of the entry with this key (values in P4Info order)."""
        counters = self.client.counters(table)
        self.assertIn((table, key), counters)
        return counters[(table, key)]


def _has_same_key(one: Entry, other: Entry) -> bool:
    return (one.table, one.match, one.priority) == (other.table, other.match, other.priority)


def _is_same(expected: Expected, frame: bytes) -> bool:
    return expected.pkt_match(frame) if isinstance(expected, Mask) else bytes(expected) == frame


def _difference(port: int, expected: Expected, received: list[tuple[int, bytes]]) -> str:
    """What was wanted and what came, as hexadecimal lines that can be laid side by side."""
    raw = bytes(expected.exp_pkt) if isinstance(expected, Mask) else bytes(expected)
    lines = [f"expected on port {port}, {len(raw)} bytes:", *_hex(raw)]
    for other, frame in received:
        lines += [f"came out of port {other}, {len(frame)} bytes:", *_hex(frame)]
    return "\n".join(lines)


def _hex(raw: bytes) -> list[str]:
    return [f"  {offset:04x}  {raw[offset : offset + 16].hex(' ')}" for offset in range(0, len(raw), 16)]
