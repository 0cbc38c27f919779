# SPDX-License-Identifier: Apache-2.0
"""Addresses and prefixes of both families: one spelling, and none that cannot belong to a port."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from p4vpc.intent import (
    Mac,
    Port,
    SecurityGroup,
    Subnet,
    from_document,
    ip_order,
    is_host_of,
    is_routable,
    is_within,
    link_local_of,
    to_document,
)
from p4vpc.intent.addresses import Address
from tests.unit.p4vpc.intent.test_intent_values import LINK, SUBNET, SWITCH, problem_of, rule

PORT = {"kind": "port", "tenant": "red", "vpc": "prod", "name": "p", "subnet": "web", "mac": "02:00:00:00:00:01"}
ROUTE = {"kind": "route", "tenant": "red", "vpc": "prod", "name": "r"}
V6_SUBNET = {"kind": "subnet", "tenant": "red", "vpc": "prod", "name": "web", "ipv6": "2001:db8:1::/64"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0db8::0001", "2001:db8::1"),
        ("2001:db8::10.0.0.1", "2001:db8::a00:1"),
        ("10.0.1.11", "10.0.1.11"),
    ],
)
def test_addresses_are_kept_in_their_canonical_form(written: str, kept: str) -> None:
    assert to_document(from_document({**PORT, "addresses": [written]}))["addresses"] == [kept]


def test_prefixes_are_kept_in_their_canonical_form() -> None:
    assert to_document(from_document({**SUBNET, "ipv6": "2001:0DB8:1:0::/64"}))["ipv6"] == "2001:db8:1::/64"


@given(st.integers(0x2000 << 112, (0x4000 << 112) - 1), st.integers(1, 126))
def test_what_is_written_is_read_again(address: int, length: int) -> None:
    prefix = ip_network((address, length), strict=False)
    port = from_document({**PORT, "addresses": [str(IPv6Address(address))]})
    assert isinstance(port, Port)
    assert port.addresses == (IPv6Address(address),)
    assert from_document(to_document(port)) == port
    group = from_document(rule(peer={"cidr": str(prefix)}))
    assert from_document(to_document(group)) == group


def test_two_spellings_of_one_address_are_one_address() -> None:
    problem = problem_of({**PORT, "addresses": ["2001:db8::1", "2001:DB8:0::1"]})
    assert (problem.field, problem.message) == ("addresses", "2001:db8::1 is given twice")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("fe80::1", "fe80::1 is link-local"),
        ("ff02::1", "ff02::1 is a multicast address"),
        ("::", ":: is the unspecified address"),
        ("::1", "::1 is the loopback address"),
        ("::ffff:10.0.0.1", "IPv4-mapped"),
        ("2001:db8::1%eth0", "names an interface"),
        ("2001:db8::g", "'2001:db8::g' is not an IP address"),
        ("2001:db8::1/64", "is not an IP address"),
        ("127.0.0.1", "cannot belong to one host"),
        (5, "5 is not an IP address"),
    ],
)
def test_an_address_that_no_port_can_have(address: object, message: str) -> None:
    problem = problem_of({**PORT, "addresses": [address]})
    assert (problem.field, message in problem.message) == ("addresses[0]", True), problem
    assert "2001:db8:" in problem.remedy or address == "127.0.0.1"


@pytest.mark.parametrize(
    ("document", "field", "message", "remedy"),
    [
        ({**SUBNET, "ipv4": None}, "ipv4", "a subnet needs a prefix", "ipv6: 2001:db8:1::/64"),
        ({**SUBNET, "ipv4": "2001:db8::/64"}, "ipv4", "not an IPv4 prefix", "10.0.1.0/24"),
        ({**SUBNET, "ipv6": "10.0.0.0/24"}, "ipv6", "not an IPv6 prefix", "2001:db8:1::/64"),
        ({**V6_SUBNET, "ipv6": "2001:db8:1::1/64"}, "ipv6", "bits set right of", "the prefix is 2001:db8:1::/64"),
        ({**V6_SUBNET, "ipv6": "2001:db8:1::/127"}, "ipv6", "no room", "from 1 to 126"),
        ({**V6_SUBNET, "ipv6": "::/0"}, "ipv6", "no room", "from 1 to 126"),
        ({**V6_SUBNET, "ipv6": "fe80::/64"}, "ipv6", "no address that a host could have", "unicast"),
        ({**V6_SUBNET, "ipv6": "ff05::/64"}, "ipv6", "no address that a host could have", "unicast"),
        ({**V6_SUBNET, "ipv6": "::ffff:0:0/112"}, "ipv6", "no address that a host could have", "unicast"),
        ({**V6_SUBNET, "gateway_v4": "10.0.0.1"}, "gateway_v4", "has no prefix", "give ipv4"),
        ({**SUBNET, "gateway_v6": "2001:db8::1"}, "gateway_v6", "has no prefix", "give ipv6"),
        ({**V6_SUBNET, "gateway_v6": "2001:db8:2::1"}, "gateway_v6", "not a host address of 2001:db8:1::/64", "::1 to"),
        ({**V6_SUBNET, "gateway_v6": "2001:db8:1::"}, "gateway_v6", "not a host address", "2001:db8:1::1 to"),
        ({**V6_SUBNET, "gateway_v6": "fe80::1"}, "gateway_v6", "link-local", "of their MAC"),
        ({**V6_SUBNET, "gateway_v6": "10.0.0.1"}, "gateway_v6", "not an IPv6 address", "like 2001:db8"),
        ({**V6_SUBNET, "broadcast": "yes"}, "broadcast", "'yes' is not a boolean", "true or false"),
        ({**V6_SUBNET, "broadcast": 1}, "broadcast", "1 is not a boolean", "true or false"),
        ({**SWITCH, "vtep": "fe80::1"}, "vtep", "link-local", "a routed address"),
        (
            {**ROUTE, "prefix": "2001:db8::/32", "next_hop": "10.0.1.11"},
            "next_hop",
            "10.0.1.11 is IPv4, the prefix 2001:db8::/32 IPv6",
            "an IPv6 address of a port",
        ),
        (rule(protocol="tcp", icmp_type=8), "rules[0].icmp_type", "only ICMP has types", "icmpv6"),
    ],
)
def test_shape(document: object, field: str, message: str, remedy: str) -> None:
    problem = problem_of(document)
    assert (problem.field, message in problem.message, remedy in problem.remedy) == (field, True, True), problem


@pytest.mark.parametrize(
    "document",
    [
        V6_SUBNET,
        {**V6_SUBNET, "ipv6": "8000::/1"},
        {**V6_SUBNET, "ipv6": "2001:db8:1::/126", "gateway_v6": "2001:db8:1::3"},
        {**SUBNET, "ipv6": "fd00:1::/64", "gateway_v6": "fd00:1::ffff", "broadcast": True},
        {**SWITCH, "vtep": "2001:db8::1"},
        {**LINK, "a": {"switch": "s", "port": 1, "address": "fe80::1"}},
        {**LINK, "b": {"mac": "02:00:00:00:00:01", "prefixes": ["::/0", "0.0.0.0/0"]}},
        {**PORT, "addresses": ["2001:db8:1::11"], "attachment": {"vtep": "2001:db8:9::1"}},
        {**ROUTE, "prefix": "::/0", "next_hop": "2001:db8:1::11"},
        rule(protocol="icmpv6", icmp_type=128),
        rule(protocol=58, icmp_type=128),
    ],
)
def test_round_trip(document: dict[str, object]) -> None:
    assert to_document(from_document(document)) == document


@pytest.mark.parametrize(("name", "number"), [("icmp", 1), ("icmpv6", 58)])
def test_icmp_and_icmpv6_are_two_protocols(name: str, number: int) -> None:
    group = from_document(rule(protocol=name))
    assert isinstance(group, SecurityGroup)
    assert group.rules[0].protocol_number == number


def test_prefixes_of_a_subnet() -> None:
    subnet = from_document({**SUBNET, "ipv6": "2001:db8:1::/64"})
    assert isinstance(subnet, Subnet)
    assert [str(prefix) for prefix in subnet.prefixes] == ["10.0.1.0/24", "2001:db8:1::/64"]


@pytest.mark.parametrize(
    ("mac", "address"),
    [("00:11:22:33:44:55", "fe80::211:22ff:fe33:4455"), ("02:00:5e:00:01:01", "fe80::5eff:fe00:101")],
)
def test_link_local_address_of_a_mac(mac: str, address: str) -> None:
    """RFC 4291 appendix A: the universal/local bit is inverted."""
    assert str(link_local_of(Mac.parse(mac))) == address


def test_families_do_not_mix() -> None:
    prefixes = [ip_network(text) for text in ("::/0", "2001:db8::/32", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.0/16")]
    assert [str(prefix) for prefix in sorted(prefixes, key=ip_order)] == [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.0/16",
        "::/0",
        "2001:db8::/32",
    ]
    assert not is_within(ip_network("10.0.0.0/8"), ip_network("::/0"))
    assert not is_within(ip_network("::/0"), ip_network("0.0.0.0/0"))
    assert is_within(ip_network("2001:db8::/32"), ip_network("::/0"))
    assert not is_host_of(ip_address("10.0.0.1"), ip_network("::/1"))
    assert is_host_of(ip_address("2001:db8::ffff"), ip_network("2001:db8::/112")), "IPv6 has no broadcast address"
    assert not is_host_of(ip_address("10.0.0.255"), ip_network("10.0.0.0/24"))


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "0.0.0.1", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "223.255.255.255"),
        *("224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "10.0.0.1", "169.254.0.1"),
        *("::", "::1", "::2", "::ffff:10.0.0.1", "fe7f::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "fd00::1"),
    ],
)
def test_what_a_port_may_have_is_what_its_field_takes(text: str) -> None:
    try:
        TypeAdapter(Address).validate_python(text)
    except ValidationError:
        assert not is_routable(ip_address(text))
    else:
        assert is_routable(ip_address(text))
