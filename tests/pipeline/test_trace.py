# SPDX-License-Identifier: Apache-2.0
"""What traces say of a world with everything in it: verdicts, who decides, ways, and that nothing is left behind."""

from ipaddress import ip_address
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, raw

from p4vpc.errors import IntentError, NotFoundError
from p4vpc.intent import Mac, ObjectId, from_document
from p4vpc.services.trace import Answer, Question, Traced, World, ask, desired_of
from p4vpc.services.trace import walk as walking
from p4vpc.services.trace.question import NowhereError
from tests.pipeline.fabric import MemoryFabric
from tests.pipeline.trace_world import Tracing, traced_fabric

WEB, DB, VM, TAGGED = "red/prod/web-1", "red/prod/db-1", "red/prod/vm-1", "red/prod/tagged-1"
TCP_5432 = {"protocol": "tcp", "destination_port": 5432}
TCP_5433 = {"protocol": "tcp", "destination_port": 5433}
TCP_22 = {"protocol": "tcp", "destination_port": 22}
UDP_9 = {"protocol": "udp", "destination_port": 9}
BROADCAST = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module")
def tracing() -> Tracing:
    return traced_fabric()[1]


@pytest.mark.parametrize(
    ("source", "destination", "more", "sentence"),
    [
        (WEB, "web-2", {}, "delivered to port red/prod/web-2 (leaf2 port 11)"),
        (WEB, "web-3", {}, "delivered to port red/prod/web-3 (leaf1 port 12)"),
        (WEB, DB, TCP_5432, "delivered to port red/prod/db-1 (leaf3 port 11)"),
        (WEB, "fd02::21", TCP_5432, "delivered to port red/prod/db-1 (leaf3 port 11)"),
        (WEB, "tagged-1", {"family": 6}, "delivered to port red/prod/tagged-1 (leaf2 port 18 vlan 100)"),
        (TAGGED, "web-1", {}, "delivered to port red/prod/web-1 (leaf1 port 11)"),
        (WEB, "vm-1", {}, "delivered to port red/prod/vm-1 (behind VTEP 192.0.2.2)"),
        (VM, DB, {}, "delivered to port red/prod/db-1 (leaf3 port 11)"),
        (WEB, "198.51.100.1", {}, "delivered to port red/prod/db-1 (leaf3 port 11)"),
        (WEB, "10.0.1.12", {"protocol": "arp"}, "answered by the edge, leaf1: 02:00:00:00:01:02 has the address"),
        (WEB, "fd01::12", {"protocol": "nd"}, "answered by the edge, leaf1: 02:00:00:00:01:02 has the address"),
        (VM, "10.0.1.12", {"protocol": "arp"}, "answered by the edge, leaf1: 02:00:00:00:01:02 has the address"),
        (WEB, "10.0.1.1", {}, "answered by the controller as the gateway: echo reply from 10.0.1.1"),
        (WEB, "fd01::1", {}, "answered by the controller as the gateway: echo reply from fd01::1"),
        (
            WEB,
            "10.0.1.11",
            {"protocol": "arp"},
            "shown to the controller as an announcement, which moves its port if it may be here",
        ),
        (
            WEB,
            DB,
            TCP_22,
            "dropped at leaf1: policy: no rule allows tcp to port 22 from security group web to security group db",
        ),
        (WEB, DB, TCP_5433, "dropped at leaf1: acl: network_acl red/prod/edge, inbound[0] denies it"),
        (
            DB,
            "web-1",
            {"protocol": "udp", "source_port": 53, "destination_port": 9},
            "dropped at leaf3: acl: network_acl red/prod/edge, outbound[0] denies it",
        ),
        (
            WEB,
            "192.0.2.7",
            {},
            "dropped at leaf1: no_route: route red/prod/nowhere leads to port red/prod/unbound-1, "
            "which is plugged in nowhere",
        ),
        ("blue/prod/web-1", "198.51.100.1", {}, "dropped at leaf1: no_route: no port of the VPC has the address, and"),
        (WEB, "10.0.1.99", {}, "dropped at leaf1: arp_unknown: nobody of the subnet has the address that it asks for"),
        (WEB, "unbound-1", {}, "dropped at leaf1: arp_unknown: nobody of the subnet has the address that it asks for"),
        (
            WEB,
            DB,
            {"ttl": 1},
            "dropped at leaf1: ttl: its TTL or hop limit ends at the gateway; "
            "the controller tells the sender: time exceeded from 10.0.1.1",
        ),
        (
            WEB,
            "fd02::21",
            {"length": 1501},
            "dropped at leaf1: too_big: it is longer than the tenant MTU; "
            "the controller tells the sender: too big from fd01::1",
        ),
        (WEB, "web-2", {"source_address": ip_address("10.0.1.13")}, "dropped at leaf1: spoof: its source MAC or"),
        ("blue/prod/web-1", "10.0.1.255", UDP_9, "dropped at leaf1: broadcast: it is for a group, and its subnet does"),
    ],
)
def test_the_verdict_is_one_sentence(
    tracing: Tracing, source: str, destination: str, more: dict[str, Any], sentence: str
) -> None:
    verdict = tracing.ask(source, destination, **more).request.verdict
    assert verdict.sentence.startswith(sentence)
    assert "leaf" not in verdict.told_tenant
    assert "192.0.2.2" not in verdict.told_tenant


def stages(traced: Traced, *names: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(it.stage, it.text, tuple(map(str, it.objects))) for it in traced.remarks if it.stage in names]


def test_each_decision_names_what_it_comes_from(tracing: Tracing) -> None:
    traced = tracing.ask(WEB, DB, **TCP_5432).request
    assert stages(traced, "entry", "source", "gateway", "destination", "policy", "acl", "copy", "delivery") == [
        ("entry", "port red/prod/web-1 is plugged in here", ("port red/prod/web-1",)),
        ("source", "source MAC and address are those of port red/prod/web-1", ("port red/prod/web-1",)),
        ("gateway", "is for the router of subnet red/prod/web", ("subnet red/prod/web",)),
        ("destination", "10.0.2.21 is port red/prod/db-1", ("port red/prod/db-1",)),
        (
            "policy",
            "tcp to port 5432 from security group web to security group db: allowed by security_group red/prod/db",
            ("security_group red/prod/db",),
        ),
        ("acl", "network_acl red/prod/edge, inbound[2] allows it", ("network_acl red/prod/edge",)),
        ("copy", "a copy goes to port red/prod/tap-1", ("port red/prod/tap-1",)),
        ("delivery", "goes to port red/prod/db-1", ("port red/prod/db-1",)),
    ]


def test_what_an_acl_denies_at_its_end_names_no_rule(tracing: Tracing) -> None:
    kept = [it for it in tracing.fabric.objects if it.id != ObjectId("network_acl", "red/prod/edge")]
    acl = {"kind": "network_acl", "tenant": "red", "vpc": "prod", "name": "edge", "subnets": ["db"], "inbound": []}
    verdict = Tracing(MemoryFabric([*kept, from_document(acl)])).ask(WEB, DB).request.verdict
    assert verdict.sentence == ("dropped at leaf1: acl: network_acl red/prod/edge denies what no inbound rule is about")
    assert verdict.rule is not None
    assert (verdict.rule.position, verdict.rule.action) == (None, "deny")


def test_a_rule_that_logs_shows_the_packet_and_lets_it_pass(tracing: Tracing) -> None:
    traced = tracing.ask(WEB, DB).request
    assert stages(traced, "controller") == [
        ("controller", "shown to the controller, as a rule of a network ACL logs it", ())
    ]
    assert [str(it) for it in traced.verdict.ports] == ["port red/prod/db-1"]


def test_rules_of_the_destination_are_not_asked_about_what_ingress_drops(tracing: Tracing) -> None:
    traced = tracing.ask(WEB, DB, length=1501).request
    assert traced.verdict.reason == "too_big"
    assert stages(traced, "acl", "copy") == []


def test_a_broadcast_branches_to_everybody_but_its_sender(tracing: Tracing) -> None:
    traced = tracing.ask(WEB, "10.0.1.255", **UDP_9).request
    names = {it.key.rpartition("/")[2] for it in traced.verdict.ports}
    assert names == {"web-2", "web-3", "quarantine-1", "tagged-1", "vm-1"}
    assert len(traced.walk.hops) > 3
    assert {hop.parent for hop in traced.walk.hops} >= {None, 0}


def test_a_walk_that_gets_too_long_says_so(tracing: Tracing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_HOPS", 2)
    answer = tracing.ask(WEB, "10.0.1.255", **UDP_9)
    assert not answer.request.walk.is_whole
    assert answer.notes == ("it goes to more switches than are looked at (2)",)


@pytest.mark.parametrize(
    ("source", "destination", "more"),
    [
        (WEB, DB, TCP_5432),
        (WEB, "fd02::21", {}),
        (WEB, "vm-1", TCP_22),
        (VM, "web-1", TCP_22),
        (TAGGED, DB, TCP_5432),
        (WEB, "quarantine-1", {}),
    ],
)
def test_the_reply_meets_what_the_request_has_left(
    tracing: Tracing, source: str, destination: str, more: dict[str, Any]
) -> None:
    answer = tracing.ask(source, destination, is_reply=True, **more)
    if answer.request.verdict.kind == "dropped":
        assert answer.reply is None
        assert answer.notes == ("nothing is answered: nothing has arrived at a port",)
        return
    assert answer.reply is not None
    assert answer.reply.verdict.kind == "delivered"
    assert [it.key for it in answer.reply.verdict.ports] == [source]


def test_a_packet_that_no_rule_allows_passes_when_its_flow_is_established(tracing: Tracing) -> None:
    back = {"protocol": "tcp", "source_port": 5432, "destination_port": 40000}
    assert tracing.ask(DB, "web-1", **back).request.verdict.reason == "policy"
    answer = tracing.ask(DB, "web-1", is_established=True, **back)
    assert answer.opening is not None
    assert answer.opening.verdict.kind == "delivered"
    assert answer.request.verdict.kind == "delivered"
    texts = [text for _, text, _ in stages(answer.request, "policy")]
    assert texts[0].endswith("it passes as a reply to a flow on record")
    assert tracing.ask(DB, "web-1", **back).request.verdict.reason == "policy", "nothing is kept between traces"


def test_an_opening_that_is_dropped_opens_nothing(tracing: Tracing) -> None:
    back = {"protocol": "tcp", "source_port": 22, "destination_port": 40000}
    answer = tracing.ask(DB, "web-1", is_established=True, **back)
    assert answer.opening is not None
    assert (answer.opening.verdict.reason, answer.request.verdict.reason) == ("policy", "policy")


def test_only_switches_on_the_way_are_loaded(tracing: Tracing) -> None:
    asked: list[str] = []

    def held(name: str) -> Any:
        asked.append(name)
        return desired_of(tracing.desired[name], tracing.fabric.pipeline)

    world = World(tracing.model, tracing.fabric.pipeline, tracing.tracer, held)
    ask(Question(ObjectId("port", WEB), "web-3", is_reply=True), world)
    assert asked == ["leaf1"]
    ask(Question(ObjectId("port", WEB), "web-2"), world)
    assert sorted(asked) == [*sorted({"leaf1", "leaf2"} | (set(asked) - {"leaf1", "leaf2"}))]
    assert len(asked) == 3, "one spine, and no switch twice"


def test_a_frame_over_a_dead_link_is_lost(tracing: Tracing) -> None:
    every = {ObjectId("link", f"leaf1-spine{number}") for number in (1, 2)}

    def held(name: str) -> Any:
        return desired_of(tracing.desired[name], tracing.fabric.pipeline)

    world = World(tracing.model, tracing.fabric.pipeline, tracing.tracer, held, every)
    verdict = ask(Question(ObjectId("port", WEB), "web-2"), world).request.verdict
    assert verdict.sentence.startswith("dropped at leaf1: it is sent over link leaf1-spine")
    assert (verdict.reason, verdict.told_tenant) == ("link_down", "dropped: the fabric does not carry it at the moment")


def raw_frame(tracing: Tracing, frame: Packet, **where: Any) -> Answer:
    return ask(Question(frame=raw(frame), **where), tracing.world())


def test_raw_frames_enter_anywhere(tracing: Tracing) -> None:
    lldp = Ether(dst="01:80:c2:00:00:0e", type=0x88CC) / b"lldp"
    assert raw_frame(tracing, lldp, place=("leaf1", 1)).request.verdict.sentence == (
        "handed to the controller by leaf1 (trap 128)"
    )
    closed = raw_frame(tracing, Ether(dst=BROADCAST) / IP() / UDP(), place=("leaf1", 30)).request.verdict
    assert (closed.kind, closed.reason, closed.switch) == ("dropped", "unknown_port", "leaf1")
    ping = Ether(src="02:00:00:00:01:01", dst="02:00:00:00:01:02") / IP(src="10.0.1.11", dst="10.0.1.12") / ICMP()
    for where in ({"place": ("leaf1", 11)}, {"source": ObjectId("port", WEB)}):
        assert raw_frame(tracing, ping, **where).request.verdict.sentence == (
            "delivered to port red/prod/web-2 (leaf2 port 11)"
        )


def test_a_candidate_place_takes_announcements_only(tracing: Tracing) -> None:
    mac, address = "02:00:00:00:01:72", "10.0.1.72"
    arp = ARP(op=1, hwsrc=mac, psrc=address, pdst=address)
    announced = raw_frame(tracing, Ether(src=mac, dst=BROADCAST) / Dot1Q(vlan=101) / arp, place=("leaf3", 19))
    assert announced.request.verdict.kind == "punted"
    ping = Ether(src=mac, dst="02:00:00:00:01:01") / Dot1Q(vlan=101) / IP(src=address, dst="10.0.1.11") / ICMP()
    other = raw_frame(tracing, ping, place=("leaf3", 19)).request
    assert other.verdict.reason == "candidate"
    assert stages(other, "entry")[0][1] == "port red/prod/tagged-1 may turn up here"


@pytest.mark.parametrize(
    ("question", "field", "message"),
    [
        ({"destination": "10.0.1.12", "protocol": "tcp"}, "destination_port", "TCP and UDP go to a port"),
        ({"destination": "10.0.1.12", "protocol": "icmpv6"}, "protocol", "is not sent over IPv4"),
        ({"destination": "10.0.1.12", "protocol": "tpc"}, "protocol", "there is no protocol 'tpc'"),
        ({"destination": "fd01::12", "protocol": "arp"}, "protocol", "arp does not ask for fd01::12"),
        ({"destination": "10.0.1.12", "protocol": "icmp", "source_port": 1}, "destination_port", "only TCP and UDP"),
        ({"destination": "10.0.1.12", "protocol": "udp", "destination_port": 1, "icmp": (3, 0)}, "icmp_type", "only"),
        ({"destination": "10.0.1.12", "vlan": 7}, "vlan", "subnet red/prod/web carries no tags of tenants"),
        ({"destination": "blue/prod/web-1"}, "destination", "blue/prod/web-1 is not in vpc red/prod"),
        ({"destination": "tap-1", "family": 6}, "destination", "have no address of one family"),
        ({"destination": "10.0.1.12", "source_address": ip_address("fd01::1")}, "source_address", "is not of the"),
        ({}, "destination", "is missing"),
        ({"destination": "10.0.1.99", "is_established": True}, "established", "nobody of vpc red/prod has 10.0.1.99"),
        ({"destination": "10.0.1.12", "protocol": "arp", "is_established": True}, "established", "questions for"),
        ({"frame": bytes(60), "is_established": True}, "established", "a whole frame has no other direction here"),
    ],
)
def test_questions_that_make_no_sense_say_why(
    tracing: Tracing, question: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(IntentError) as caught:
        tracing.ask(WEB, **question)
    [problem] = caught.value.problems
    assert (problem.object, problem.field) == ("trace", field)
    assert problem.message.startswith(message) or message in problem.message
    assert problem.remedy


def test_names_of_nothing_are_not_found(tracing: Tracing) -> None:
    for source, destination in ((WEB, "web-9"), ("red/prod/web-9", "web-1"), ("red/nope/web-1", "web-1")):
        with pytest.raises(NotFoundError):
            tracing.ask(source, destination)
    with pytest.raises(NotFoundError):
        raw_frame(tracing, Ether(), place=("leaf9", 1))
    with pytest.raises(NowhereError):
        tracing.ask("red/prod/unbound-1", "web-1")


def test_nobody_takes_what_a_foreign_vtep_sends_for_a_vpc_that_is_at_no_leaf(tracing: Tracing) -> None:
    kept = [it for it in tracing.fabric.objects if it.kind not in ("route", "mirror", "network_acl")]
    alone = [it for it in kept if it.kind != "port" or it.key in (VM, "blue/prod/web-1")]
    with pytest.raises(NowhereError, match="its VPC has no port at a leaf"):
        Tracing(MemoryFabric(alone)).ask(VM, "10.0.1.1")


def test_a_foreign_vtep_floods_by_copies_for_each_leaf(tracing: Tracing) -> None:
    answer = tracing.ask(VM, "10.0.1.255", **UDP_9)
    assert len([hop for hop in answer.request.walk.hops if hop.parent is None]) == 2
    names = {it.key.rpartition("/")[2] for it in answer.request.verdict.ports}
    assert names == {"web-1", "web-2", "web-3", "quarantine-1", "tagged-1"}


def test_a_wrong_destination_mac_is_the_askers_own_choice(tracing: Tracing) -> None:
    verdict = tracing.ask(WEB, "10.0.1.12", destination_mac=Mac(0x02AAAAAAAAAA)).request.verdict
    assert verdict.reason == "unknown_destination"


def test_a_trace_leaves_the_desired_states_as_they_are(tracing: Tracing) -> None:
    before = {name: dict(state) for name, state in tracing.desired.items()}
    tracing.ask(WEB, DB, is_reply=True, **TCP_5432)
    assert {name: dict(state) for name, state in tracing.desired.items()} == before
