# SPDX-License-Identifier: Apache-2.0
"""Flow records across leaves: how they age, what displaces them, how they heal; on a clock that the tests hold."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from p4vpc.intent import Intent, from_document, to_document
from tests.pipeline.fabric import Delivery, HostPort, MemoryFabric, hosts

UNIT_US = 1 << 20
LIFETIME_UNITS = 128
SERVICE = 5432
ATTACK_PACKETS = 100_000


@dataclass
class Clock:
    """The time since the switches were started, in microseconds."""

    now_us: int = 0

    def __call__(self) -> int:
        return self.now_us

    def pass_units(self, units: int) -> None:
        """Lets this many units of the pipeline's own clock pass."""
        self.now_us += units * UNIT_US


@dataclass
class Conversation:
    """A TCP connection of the example, from a web server to the database, whose replies no rule allows."""

    fabric: MemoryFabric
    web: HostPort
    db: HostPort
    sport: int = 40000
    request: bytes = field(init=False)
    reply: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.request = tcp(self.web, self.db, self.sport, SERVICE)
        self.reply = tcp(self.db, self.web, SERVICE, self.sport)

    def asks(self) -> bool:
        """Sends a request; whether it arrives."""
        return self._arrives(self.fabric.send(self.web.place, self.request), self.db)

    def answers(self) -> bool:
        """Sends a reply; whether it arrives."""
        return self._arrives(self.fabric.send(self.db.place, self.reply), self.web)

    @staticmethod
    def _arrives(deliveries: list[Delivery], receiver: HostPort) -> bool:
        assert [delivery.place for delivery in deliveries] in ([], [receiver.place])
        return bool(deliveries)


def tcp(source: HostPort, target: HostPort, sport: int, dport: int) -> bytes:
    layer = IP(src=source.address, dst=target.address, id=1) / TCP(sport=sport, dport=dport)
    return bytes(Ether(src=source.mac, dst=source.next_mac(target)) / layer)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fabric(clock: Clock) -> MemoryFabric:
    return MemoryFabric.example(clock)


@pytest.fixture
def conversation(fabric: MemoryFabric) -> Conversation:
    known = hosts(fabric)
    return Conversation(fabric, known["red/prod/web-1"], known["red/prod/db-1"])


def test_replies_pass_across_the_fabric_after_a_request(conversation: Conversation) -> None:
    assert not conversation.answers()
    assert conversation.asks()
    assert conversation.answers()
    leaf = conversation.db.place[0]
    assert conversation.fabric.drops() == {(leaf, "policy"): 1}


def test_a_record_holds_for_its_lifetime_and_no_longer(conversation: Conversation, clock: Clock) -> None:
    assert conversation.asks()
    clock.pass_units(LIFETIME_UNITS - 1)
    assert conversation.answers()

    assert conversation.asks()
    clock.pass_units(LIFETIME_UNITS)
    assert not conversation.answers()

    assert conversation.asks()
    assert conversation.answers()


@pytest.mark.parametrize("sender", ["asks", "answers"])
def test_packets_of_either_side_keep_the_flow_alive(conversation: Conversation, clock: Clock, sender: str) -> None:
    assert conversation.asks()
    for _ in range(5):
        clock.pass_units(LIFETIME_UNITS - 1)
        assert getattr(conversation, sender)()
    assert conversation.answers()


def test_denied_packets_refresh_nothing(conversation: Conversation, clock: Clock) -> None:
    assert conversation.asks()
    other = Conversation(conversation.fabric, conversation.web, conversation.db, conversation.sport ^ 1)
    for _ in range(LIFETIME_UNITS):
        clock.pass_units(1)
        assert not other.answers()
    assert not conversation.answers()


def test_a_clock_that_starts_anew_forgets_nothing(conversation: Conversation, clock: Clock) -> None:
    """The coarse time has 24 bits: behind its end a record is as old as before."""
    clock.now_us = (1 << 44) - 1
    assert conversation.asks()
    assert conversation.answers()
    clock.now_us += 1
    assert conversation.answers()
    clock.pass_units(LIFETIME_UNITS)
    assert not conversation.answers()


def test_a_hundred_thousand_unsolicited_packets_stay_out(conversation: Conversation) -> None:
    """Every port of the client that is not the flow's, from the service's port and from the one beside it."""
    assert conversation.asks()
    leaf, port = conversation.db.place
    switch = conversation.fabric.switches[leaf]
    template = bytearray(conversation.reply)
    sent = 0
    for service in (SERVICE, SERVICE ^ 1):
        for guess in range(1 << 16):
            if sent == ATTACK_PACKETS or (service, guess) == (SERVICE, conversation.sport):
                continue
            template[34:38] = service.to_bytes(2, "big") + guess.to_bytes(2, "big")
            assert switch.process(port, bytes(template)) == []
            sent += 1
    assert sent == ATTACK_PACKETS
    assert conversation.fabric.drops() == {(leaf, "policy"): ATTACK_PACKETS}
    assert conversation.answers()


def test_a_collision_displaces_a_record_and_opens_nothing(conversation: Conversation) -> None:
    known = hosts(conversation.fabric)
    web_2 = known["red/prod/web-2"]
    cell = _cell(conversation.web, conversation.db, conversation.sport)
    sport = next(number for number in range(1 << 16) if _cell(web_2, conversation.db, number) == cell)
    newcomer = Conversation(conversation.fabric, web_2, conversation.db, sport)

    assert conversation.asks()
    assert not newcomer.answers()
    assert conversation.answers()
    assert newcomer.asks()
    assert newcomer.answers()
    assert not conversation.answers()
    assert conversation.asks()
    assert conversation.answers()


def test_flows_of_one_pair_never_displace_each_other(conversation: Conversation) -> None:
    many = [Conversation(conversation.fabric, conversation.web, conversation.db, sport) for sport in range(1000, 2000)]
    assert all(one.asks() for one in many)
    assert all(one.answers() for one in many)


def test_a_moved_port_answers_again_after_the_next_request(conversation: Conversation) -> None:
    fabric = conversation.fabric
    assert conversation.asks()
    assert conversation.answers()

    moved = [_moved(item, "red/prod/db-1", "leaf2", 20) for item in fabric.objects]
    fabric.realise(moved)
    fabric.objects = moved
    there = Conversation(fabric, conversation.web, hosts(fabric)["red/prod/db-1"], conversation.sport)
    assert there.db.place == ("leaf2", 20)
    assert not there.answers()
    assert there.asks()
    assert there.answers()


def test_a_flow_that_talks_outlives_its_rule_and_a_silent_one_does_not(
    conversation: Conversation, clock: Clock
) -> None:
    fabric = conversation.fabric
    assert conversation.asks()
    assert conversation.answers()
    silent = Conversation(fabric, conversation.web, conversation.db, conversation.sport + 1)
    assert silent.asks()

    fabric.realise([_without_rules(item, "red/prod/db") for item in fabric.objects])

    assert not silent.asks()
    for _ in range(3):
        clock.pass_units(LIFETIME_UNITS - 1)
        assert conversation.asks()
        assert conversation.answers()
    clock.pass_units(LIFETIME_UNITS)
    assert not conversation.asks()
    assert not conversation.answers()


def _moved(item: Intent, key: str, switch: str, port: int) -> Intent:
    if (item.kind, item.key) != ("port", key):
        return item
    return from_document({**to_document(item), "attachment": {"switch": switch, "port": port}})


def _without_rules(item: Intent, key: str) -> Intent:
    if (item.kind, item.key) != ("security_group", key):
        return item
    return from_document({**to_document(item), "rules": []})


def _cell(source: HostPort, target: HostPort, sport: int) -> int:
    """CRC-16 (reflected 0x8005) over the flow as it opens; two flows of one VRF share a cell if it is equal."""
    addresses = IPv4Address(source.address).packed + IPv4Address(target.address).packed
    remainder = 0
    for octet in addresses + sport.to_bytes(2, "big") + SERVICE.to_bytes(2, "big") + bytes([6]):
        remainder ^= octet
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xA001 if remainder & 1 else 0)
    return remainder
