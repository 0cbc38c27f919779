# SPDX-License-Identifier: Apache-2.0
"""The fabric as the kernel of a tenant's Linux host meets it: real sockets, real stacks."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import environment_below
from tests.e2e.lab import ETH_P_IP, ETH_P_IPV6, Lab, eventually, running
from tests.e2e.probes import Complaint, complaint, forbid_fragments, is_answered, path_mtu, report_errors, traceroute
from topo import __main__ as topo_command
from topo.network import HOST_INTERFACE

pytestmark = [pytest.mark.namespaces, pytest.mark.timeout(300)]

CLIENT, SAME_LEAF, SERVER, OTHER_LEAF = "red/lab/lan-1", "red/lab/lan-4", "red/lab/lan-2", "red/lab/lan-3"
ROUTED_SERVER, APP_2 = "red/lab/app-1", "red/lab/app-2"
OTHER_TENANT = "blue/lab/lan-2"
"""It has the server's address and MAC."""

SERVED_PORT = 9000
TENANT_MTU = 1500
LINK_MTU = 9000
"""Of a host whose interface could send longer packets than its tenant may."""

FILES = (topo_command.EXAMPLES / "two-tenants.yaml", Path(__file__).with_name("linux_hosts.yaml"))
BOTH_FAMILIES = pytest.mark.parametrize("version", [4, 6])


@pytest.fixture(scope="module", params=["softswitch", pytest.param("bmv2", marks=pytest.mark.bmv2)])
def fabric(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One fabric for all tests of a kind of switch."""
    environment = environment_below(tmp_path_factory.mktemp(request.param))
    with running(environment, request.param, FILES) as lab:
        yield lab
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


@pytest.fixture
def lab(fabric: Lab) -> Iterator[Lab]:
    """The fabric, without the sockets of earlier tests."""
    yield fabric
    fabric.close_sockets()


@BOTH_FAMILIES
@pytest.mark.parametrize("target", [SAME_LEAF, SERVER, OTHER_LEAF, ROUTED_SERVER, APP_2])
def test_hosts_ping_each_other_on_one_leaf_across_leaves_and_between_subnets(
    lab: Lab, target: str, version: int
) -> None:
    assert is_answered(lab, CLIENT, lab.address(target, version))
    assert is_answered(lab, target, lab.address(CLIENT, version))


@pytest.mark.parametrize("target", [SAME_LEAF, SERVER])
def test_hosts_of_a_subnet_ping_each_other_by_their_link_local_addresses(lab: Lab, target: str) -> None:
    assert is_answered(lab, CLIENT, lab.link_local(target))


@BOTH_FAMILIES
@pytest.mark.parametrize("host", [CLIENT, ROUTED_SERVER, OTHER_TENANT])
def test_the_gateway_answers_ping(lab: Lab, host: str, version: int) -> None:
    assert is_answered(lab, host, lab.gateway(host, version))


@BOTH_FAMILIES
def test_neighbours_are_learned_with_their_macs(lab: Lab, version: int) -> None:
    for target in (SAME_LEAF, SERVER):
        address = lab.address(target, version)
        lab.ip(CLIENT, f"neighbor flush to {address} dev {HOST_INTERFACE}")
        assert is_answered(lab, CLIENT, address)
        assert lab.neighbor(CLIENT, address) == lab.host(target).mac


def test_the_gateway_has_one_mac_everywhere_for_both_families(lab: Lab) -> None:
    macs = set()
    for host in (CLIENT, SERVER, OTHER_LEAF):
        for version in (4, 6):
            assert is_answered(lab, host, lab.gateway(host, version))
            macs.add(lab.neighbor(host, lab.gateway(host, version)))
    assert len(macs) == 1
    assert None not in macs


@BOTH_FAMILIES
@pytest.mark.parametrize("server", [SERVER, ROUTED_SERVER])
def test_tcp_opens_in_the_allowed_direction_and_is_refused_in_the_other(lab: Lab, server: str, version: int) -> None:
    listener = lab.server(server, version, socket.SOCK_STREAM, SERVED_PORT)
    client = lab.server(CLIENT, version, socket.SOCK_STREAM, SERVED_PORT)
    there = lab.ip_socket(CLIENT, version, socket.SOCK_STREAM)
    there.connect((lab.address(server, version), SERVED_PORT))
    accepted, peer = listener.accept()
    with accepted:
        accepted.settimeout(there.gettimeout())
        assert peer[0] == lab.address(CLIENT, version)
        there.sendall(b"request")
        assert accepted.recv(100) == b"request"
        accepted.sendall(b"reply")
        assert there.recv(100) == b"reply"
    assert there.recv(100) == b""

    back = lab.ip_socket(server, version, socket.SOCK_STREAM)
    back.setblocking(False)
    with lab.drop(server, "policy"):
        assert back.connect_ex((lab.address(CLIENT, version), SERVED_PORT)) != 0
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.accept()


@BOTH_FAMILIES
def test_tcp_to_a_port_that_no_rule_names_is_refused(lab: Lab, version: int) -> None:
    listener = lab.server(SERVER, version, socket.SOCK_STREAM, SERVED_PORT + 1)
    listener.setblocking(False)
    for host, port in ((CLIENT, SERVED_PORT + 1), (OTHER_LEAF, SERVED_PORT)):
        opened = lab.ip_socket(host, version, socket.SOCK_STREAM)
        opened.setblocking(False)
        with lab.drop(host, "policy"):
            assert opened.connect_ex((lab.address(SERVER, version), port)) != 0
    with pytest.raises(BlockingIOError):
        listener.accept()


@BOTH_FAMILIES
@pytest.mark.parametrize("server", [SERVER, ROUTED_SERVER])
def test_udp_is_answered_in_the_allowed_direction_and_refused_in_the_other(lab: Lab, server: str, version: int) -> None:
    served = lab.server(server, version, socket.SOCK_DGRAM, SERVED_PORT)
    client = lab.server(CLIENT, version, socket.SOCK_DGRAM, SERVED_PORT + 2)
    client.sendto(b"request", (lab.address(server, version), SERVED_PORT))
    request, peer = served.recvfrom(100)
    assert (request, peer[:2]) == (b"request", (lab.address(CLIENT, version), SERVED_PORT + 2))
    served.sendto(b"reply", peer)
    reply, replier = client.recvfrom(100)
    assert (reply, replier[:2]) == (b"reply", (lab.address(server, version), SERVED_PORT))

    other = lab.server(CLIENT, version, socket.SOCK_DGRAM, SERVED_PORT + 3)
    other.setblocking(False)
    with lab.drop(server, "policy"):
        served.sendto(b"not a reply", (lab.address(CLIENT, version), SERVED_PORT + 3))
    with pytest.raises(BlockingIOError):
        other.recvfrom(100)


@BOTH_FAMILIES
def test_a_route_to_another_subnet_has_the_gateway_as_its_only_hop(lab: Lab, version: int) -> None:
    target, gateway = lab.address(ROUTED_SERVER, version), lab.gateway(CLIENT, version)
    exceeded, unreachable = ((3, 0), (1, 4)) if version == 6 else ((11, 0), (3, 3))
    assert traceroute(lab, CLIENT, target) == [Complaint(gateway, *exceeded), Complaint(target, *unreachable)]


@BOTH_FAMILIES
def test_the_traceroute_program_sees_the_gateway_and_the_target(lab: Lab, version: int) -> None:
    if shutil.which("traceroute") is None:
        pytest.skip("traceroute is not installed")
    target = lab.address(ROUTED_SERVER, version)
    printed = lab.run(CLIENT, "traceroute", f"-{version}", "-n", "-q", "1", "-N", "1", "-m", "4", "-w", "10", target)
    hops = [line.split()[1] for line in printed.splitlines()[1:]]
    assert hops == [lab.gateway(CLIENT, version), target], printed


@contextmanager
def long_frames(lab: Lab, *hosts: str) -> Iterator[None]:
    """Hosts that believe in a link MTU larger than the tenant MTU, and remember nothing of any path."""
    for host in hosts:
        lab.ip(host, f"link set {HOST_INTERFACE} mtu {TENANT_MTU + 400}", "route flush cache", "-6 route flush cache")
    try:
        yield
    finally:
        for host in hosts:
            lab.ip(host, f"link set {HOST_INTERFACE} mtu {TENANT_MTU}", "route flush cache", "-6 route flush cache")


@BOTH_FAMILIES
def test_a_packet_longer_than_the_tenant_mtu_is_answered_with_that_mtu(lab: Lab, version: int) -> None:
    with long_frames(lab, CLIENT):
        opened = lab.ip_socket(CLIENT, version, socket.SOCK_DGRAM)
        forbid_fragments(opened, version)
        report_errors(opened, version)
        opened.connect((lab.address(ROUTED_SERVER, version), SERVED_PORT))
        assert path_mtu(opened, version) == TENANT_MTU + 400
        opened.send(bytes(TENANT_MTU))
        kind, code = (2, 0) if version == 6 else (3, 4)
        assert complaint(opened, version) == Complaint(lab.gateway(CLIENT, version), kind, code)
        assert path_mtu(opened, version) == TENANT_MTU


@BOTH_FAMILIES
def test_the_tracepath_program_finds_the_tenant_mtu(lab: Lab, version: int) -> None:
    if shutil.which("tracepath") is None:
        pytest.skip("tracepath is not installed")
    with long_frames(lab, CLIENT):
        target = lab.address(ROUTED_SERVER, version)
        printed = lab.run(CLIENT, "tracepath", f"-{version}", "-n", "-m", "4", "-p", "33434", target)
    assert f"Resume: pmtu {TENANT_MTU} hops 2" in printed, printed
    assert lab.gateway(CLIENT, version) in printed


@BOTH_FAMILIES
def test_tcp_between_hosts_with_too_large_a_link_mtu_comes_through(lab: Lab, version: int) -> None:
    sent = bytes(range(250)) * 800
    received = bytearray()
    with long_frames(lab, CLIENT, ROUTED_SERVER):
        listener = lab.server(ROUTED_SERVER, version, socket.SOCK_STREAM, SERVED_PORT)
        client = lab.ip_socket(CLIENT, version, socket.SOCK_STREAM)
        client.connect((lab.address(ROUTED_SERVER, version), SERVED_PORT))
        accepted, _ = listener.accept()
        assert path_mtu(client, version) == TENANT_MTU + 400

        def receive() -> None:
            while chunk := accepted.recv(65536):
                received.extend(chunk)

        with accepted:
            accepted.settimeout(client.gettimeout())
            thread = threading.Thread(target=receive)
            thread.start()
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            thread.join()
        assert path_mtu(client, version) == TENANT_MTU
    assert bytes(received) == sent


def flags(lab: Lab, host: str, address: str) -> set[str]:
    """What a host's kernel says about one of its IPv6 addresses: `tentative`, `dadfailed`; empty if it may be used."""
    [shown] = [item for item in lab.ipv6_addresses(host) if item["local"] == address]
    return {"tentative", "dadfailed"} & shown.keys()


@contextmanager
def added(lab: Lab, host: str, address: str) -> Iterator[None]:
    """An IPv6 address that a host takes by itself, as a user with root in it would."""
    lab.ip(host, f"-6 address add {address}/64 dev {HOST_INTERFACE}")
    try:
        yield
    finally:
        lab.ip(host, f"-6 address delete {address}/64 dev {HOST_INTERFACE}")


@pytest.mark.parametrize("owner", [SAME_LEAF, SERVER])
def test_an_address_that_another_host_of_the_subnet_has_is_detected_as_a_duplicate(lab: Lab, owner: str) -> None:
    taken = lab.address(owner, 6)
    with added(lab, CLIENT, taken):
        eventually(lambda: "dadfailed" in flags(lab, CLIENT, taken), f"{taken} is a duplicate")
    assert is_answered(lab, CLIENT, taken)


def test_an_address_that_nobody_has_is_not(lab: Lab) -> None:
    with added(lab, CLIENT, "fd0a::99"):
        eventually(lambda: not flags(lab, CLIENT, "fd0a::99"), "fd0a::99 is usable")


def test_a_host_that_takes_its_own_address_again_is_not_told_that_it_is_taken(lab: Lab) -> None:
    own = lab.address(APP_2, 6)
    lab.ip(APP_2, f"-6 address delete {own}/64 dev {HOST_INTERFACE}", f"-6 address add {own}/64 dev {HOST_INTERFACE}")
    eventually(lambda: not flags(lab, APP_2, own), f"{own} is usable")
    gateway = lab.gateway(APP_2, 6)
    lab.ip(APP_2, f"-6 route replace default via {gateway} dev {HOST_INTERFACE}")
    assert is_answered(lab, APP_2, lab.address(CLIENT, 6))


def arrivals(lab: Lab, version: int) -> dict[str, socket.socket]:
    """A packet socket in every host of both tenants."""
    return {host.key: lab.sniffer(host.key, ETH_P_IPV6 if version == 6 else ETH_P_IP) for host in lab.plan.hosts}


def count(sniffer: socket.socket, *marks: bytes) -> list[int]:
    """How many frames with each mark have come."""
    seen = [0] * len(marks)
    while True:
        try:
            frame = sniffer.recv(65536)
        except BlockingIOError:
            return seen
        for number, mark in enumerate(marks):
            seen[number] += mark in frame


def shout(lab: Lab, host: str, version: int) -> socket.socket:
    """A UDP socket that is connected to everybody in a host's subnet: broadcast, or all nodes."""
    opened = lab.ip_socket(host, version, socket.SOCK_DGRAM)
    if version == 6:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, HOST_INTERFACE.encode())
        opened.connect(("ff02::1", SERVED_PORT))
    else:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        [own] = [item.interface for item in lab.host(host).addresses if item.interface.version == 4]
        opened.connect((str(own.network.broadcast_address), SERVED_PORT))
    return opened


@BOTH_FAMILIES
@pytest.mark.parametrize("sender", [CLIENT, OTHER_LEAF])
def test_a_broadcast_reaches_every_member_of_its_subnet_once_and_nobody_else(
    lab: Lab, sender: str, version: int
) -> None:
    members = {CLIENT, SAME_LEAF, SERVER, OTHER_LEAF} - {sender}
    sniffers = arrivals(lab, version)
    opened = shout(lab, sender, version)
    first, last = b"to all of you", b"that was all"
    opened.send(first)
    opened.send(last)  # one path, one order: when this one is there, so is every copy of the first
    seen = {key: [0, 0] for key in sniffers}

    def has_reached_all() -> bool:
        for key, sniffer in sniffers.items():
            seen[key] = [a + b for a, b in zip(seen[key], count(sniffer, first, last), strict=True)]
        return all(seen[member][1] for member in members)

    eventually(has_reached_all, "the broadcast reaches all members")
    # Nobody may see it later than its members either: what follows it to each leaf has come back.
    assert all(is_answered(lab, CLIENT, lab.address(host, version)) for host in (SAME_LEAF, SERVER, OTHER_LEAF))
    has_reached_all()
    assert {key: seen[key] for key in members} == {key: [1, 1] for key in members}
    assert {key for key, counts in seen.items() if any(counts)} == members


@BOTH_FAMILIES
def test_a_broadcast_in_a_subnet_that_does_not_flood_reaches_nobody(lab: Lab, version: int) -> None:
    sniffers = arrivals(lab, version)
    opened = shout(lab, ROUTED_SERVER, version)
    with lab.drop(ROUTED_SERVER, "broadcast"):
        opened.send(b"is there anybody")
    assert is_answered(lab, ROUTED_SERVER, lab.address(APP_2, version))
    assert not any(any(count(sniffer, b"is there anybody")) for sniffer in sniffers.values())


@BOTH_FAMILIES
def test_tenants_may_run_vxlan_of_their_own(lab: Lab, version: int) -> None:
    ends = ((CLIENT, ROUTED_SERVER, 1), (ROUTED_SERVER, CLIENT, 2))
    # 50 or 70 bytes less than the tenant MTU, as anybody who tunnels has to know.
    mtu = TENANT_MTU - (70 if version == 6 else 50)
    try:
        for host, peer, number in ends:
            lab.ip(
                host,
                f"link add overlay0 mtu {mtu} type vxlan id 4096 dstport 4789 local {lab.address(host, version)} "
                f"remote {lab.address(peer, version)}",
                f"address add 172.16.0.{number}/24 dev overlay0",
                f"address add fd99::{number}/64 dev overlay0 nodad",
                "link set overlay0 up",
            )
        for address in ("172.16.0.2", "fd99::2"):
            assert is_answered(lab, CLIENT, address)
    finally:
        for host, _, _ in ends:
            lab.try_all([(host, ["ip", "link", "delete", "overlay0"])])


def test_two_tenants_with_one_address_answer_for_themselves(lab: Lab) -> None:
    server = lab.server(SERVER, 4, socket.SOCK_STREAM, SERVED_PORT)
    other = lab.server(OTHER_TENANT, 4, socket.SOCK_STREAM, SERVED_PORT)
    assert lab.address(SERVER, 4) == lab.address(OTHER_TENANT, 4)
    for host, listener, name in ((CLIENT, server, b"red"), ("blue/lab/lan-1", other, b"blue")):
        opened = lab.ip_socket(host, 4, socket.SOCK_STREAM)
        opened.connect((lab.address(SERVER, 4), SERVED_PORT))
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(name)
        assert opened.recv(100) == name


def default_routes(lab: Lab, host: str) -> list[dict[str, Any]]:
    """The IPv6 default routes that a host has learnt from router advertisements."""
    return list(lab.show(host, "-6", "route", "show", "default", "proto", "ra"))


@contextmanager
def believing_routers(lab: Lab, host: str) -> Iterator[None]:
    """A host without default route whose interface goes down and up again, and which believes routers that answer."""
    conf = f"/proc/sys/net/ipv6/conf/{HOST_INTERFACE}"
    try:
        lab.run(host, "sh", "-c", f"echo 1 >{conf}/accept_ra && echo 1 >{conf}/keep_addr_on_down")
    except AssertionError as error:
        pytest.skip(f"/proc/sys is not writable: {error}")
    device = f"dev {HOST_INTERFACE}"
    lab.ip(host, "-6 route delete default", f"link set {device} down", f"link set {device} mtu {LINK_MTU} up")
    try:
        yield
    finally:
        lab.run(host, "sh", "-c", f"echo 0 >{conf}/accept_ra")
        lab.ip(host, f"link set {device} mtu {TENANT_MTU}")
        for version in (4, 6):
            way = f"default via {lab.gateway(host, version)} dev {HOST_INTERFACE}"
            lab.ip(host, f"-{version} route replace {way}")


@pytest.mark.parametrize("host", [APP_2, SAME_LEAF])
def test_a_host_that_asks_for_a_router_gets_its_default_route(lab: Lab, host: str) -> None:
    before = [item["local"] for item in lab.ipv6_addresses(host)]
    with believing_routers(lab, host):
        [route] = eventually(lambda: default_routes(lab, host), f"{host} has learnt a default route")
        assert route["gateway"] == "fe80::5eff:fe00:101"
        assert route["expires"] > 65_000
        assert lab.run(host, "cat", f"/proc/sys/net/ipv6/conf/{HOST_INTERFACE}/mtu").strip() == str(TENANT_MTU)
        own = lab.address(host, 6)
        eventually(lambda: not flags(lab, host, own), f"{own} is usable again")
        assert is_answered(lab, host, lab.address(ROUTED_SERVER if host == SAME_LEAF else CLIENT, 6))
        # The prefix is on the link, and no address is made of it: only those of intent may send.
        assert [item["local"] for item in lab.ipv6_addresses(host)] == before
