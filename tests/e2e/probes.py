# SPDX-License-Identifier: Apache-2.0
"""What Linux hosts send to find out about a network, by sockets of their own: no program has to be installed."""

import itertools
import os
import select
import socket
import struct
import time
from typing import NamedTuple

from tests.e2e.lab import WAIT_S, Lab
from topo.echo import echo_request

# linux/in.h, linux/in6.h; not all of them are in Python's socket module.
IP_RECVERR, IPV6_RECVERR = 11, 25
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
IP_MTU, IPV6_MTU = 14, 24
PMTUDISC_DO = 2
IPV6_UNICAST_HOPS = 16

TRACE_PORT = 33434
_ERROR = struct.Struct("=LBBBBLL")  # struct sock_extended_err; the address of who complains follows
_ECHO_REPLY = {4: 0, 6: 129}
_identifiers = itertools.count(os.getpid())


class Complaint(NamedTuple):
    """An ICMP error as the kernel gives it to the socket whose packet it is about."""

    source: str
    kind: int
    code: int


def is_answered(lab: Lab, key: str, address: str) -> bool:
    """Whether a host gets the reply to one echo request, from the address that it asked."""
    version = 6 if ":" in address else 4
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    identifier = next(_identifiers) & 0xFFFF
    [target] = {info[4] for info in socket.getaddrinfo(address.partition("%")[0], None, type=socket.SOCK_RAW)}
    with lab.ip_socket(key, version, socket.SOCK_RAW, protocol) as opened:
        if "%" in address:  # interface numbers are the host's own, so the socket is told by name
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, address.partition("%")[2].encode())
        opened.sendto(echo_request(version, identifier, 1, b"end to end"), target)
        deadline = time.monotonic() + WAIT_S
        while (left := deadline - time.monotonic()) > 0:
            opened.settimeout(left)
            try:
                packet, source = opened.recvfrom(65535)
            except TimeoutError:
                return False
            message = packet if version == 6 else packet[(packet[0] & 0xF) * 4 :]
            is_reply = message[:1] == bytes([_ECHO_REPLY[version]])
            if is_reply and message[4:6] == identifier.to_bytes(2) and source[0].partition("%")[0] == target[0]:
                return True
    return False


def traceroute(lab: Lab, key: str, address: str, max_hops: int = 4) -> list[Complaint]:
    """Who complains about UDP packets to an address, with a time to live from 1 upwards, until it does itself."""
    version = 6 if ":" in address else 4
    complaints: list[Complaint] = []
    for hops in range(1, max_hops + 1):
        with lab.ip_socket(key, version, socket.SOCK_DGRAM) as opened:
            report_errors(opened, version)
            if version == 6:
                opened.setsockopt(socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops)
            else:
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
            opened.sendto(b"hop", (address, TRACE_PORT + hops))
            complaints.append(complaint(opened, version))
        if complaints[-1].source == address:
            break
    return complaints


def report_errors(opened: socket.socket, version: int) -> None:
    """Let the kernel keep ICMP errors for `complaint`."""
    if version == 6:
        opened.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def complaint(opened: socket.socket, version: int) -> Complaint:
    """Wait for the next ICMP error about what a socket has sent."""
    poll = select.poll()
    poll.register(opened, select.POLLERR)
    assert poll.poll(WAIT_S * 1000), f"no ICMP error within {WAIT_S:.0f} s"
    _, ancillary, _, _ = opened.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    [data] = [
        data
        for level, kind, data in ancillary
        if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR))
    ]
    _, _, kind, code, _, _, _ = _ERROR.unpack_from(data)
    sender = data[_ERROR.size :]  # sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address
    source = socket.inet_ntop(socket.AF_INET6, sender[8:24]) if version == 6 else socket.inet_ntoa(sender[4:8])
    return Complaint(source, kind, code)


def forbid_fragments(opened: socket.socket, version: int) -> None:
    """Let the kernel send no fragments: IPv4 with DF, and both fail for what is longer than the path takes."""
    if version == 6:
        opened.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO)


def path_mtu(opened: socket.socket, version: int) -> int:
    """What the kernel knows of the MTU of a connected socket's path."""
    if version == 6:
        return opened.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU)
    return opened.getsockopt(socket.IPPROTO_IP, IP_MTU)
