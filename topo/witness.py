# SPDX-License-Identifier: Apache-2.0
"""Witnesses: what really arrives at a host, seen on its interface.

With identical addresses in two tenants a reply alone does not tell who sent it. Each echo request carries a mark, and a
witness in every host notes the marks that arrive there.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from topo.echo import MARK_LENGTH
from topo.namespaces import Namespace
from topo.network import HOST_INTERFACE

_ETH_P_IP = 0x0800
_ETH_P_IPV6 = 0x86DD
_IP_HEADER_START = 14
_PROTOCOL_OFFSET_V4 = _IP_HEADER_START + 9
_PROTOCOL_OFFSET_V6 = _IP_HEADER_START + 6
_ICMP_START_V6 = _IP_HEADER_START + 40
_ICMP = (1, 8)
_ICMPV6 = (58, 128)
"""Protocol, and type of an echo request."""
_SERIAL_LENGTH = 4


class Marks:
    """Payload marks of one run: a random prefix, so that no other packet is taken for ours, and a serial number."""

    def __init__(self) -> None:
        self._prefix = os.urandom(MARK_LENGTH - _SERIAL_LENGTH)
        self._count = 0

    def new(self) -> tuple[int, bytes]:
        """The next serial number and its mark."""
        self._count += 1
        return self._count, self._prefix + self._count.to_bytes(_SERIAL_LENGTH)

    def find(self, payload: bytes) -> int | None:
        """The serial number in a payload that repeats a mark, None if there is none."""
        start = payload.find(self._prefix)
        end = start + MARK_LENGTH
        return None if start < 0 or end > len(payload) else int.from_bytes(payload[end - _SERIAL_LENGTH : end])


class Witnesses:
    """A packet socket per host and IP version. `arrivals` tells, by a mark's serial number, whom a request reached."""

    def __init__(self, hosts: Mapping[str, Namespace], marks: Marks) -> None:
        self._marks = marks
        self._arrivals: dict[int, list[str]] = {}
        self._sockets: list[tuple[str, socket.socket]] = []
        for key, namespace in hosts.items():
            for ether_type in (_ETH_P_IP, _ETH_P_IPV6):
                with namespace.entered():
                    # Bound to one protocol it sees what comes in, not what the host sends.
                    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                    sniffer.bind((HOST_INTERFACE, ether_type))
                sniffer.setblocking(False)
                self._sockets.append((key, sniffer))
                asyncio.get_running_loop().add_reader(sniffer, self._receive, key, sniffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, sniffer in self._sockets:
            asyncio.get_running_loop().remove_reader(sniffer)
            sniffer.close()

    def arrivals(self, serial: int) -> tuple[str, ...]:
        """The hosts that the marked request has reached by now, once for every copy."""
        for key, sniffer in self._sockets:  # a reply may be noticed before the request's arrival is
            self._receive(key, sniffer)
        return tuple(self._arrivals.get(serial, ()))

    def _receive(self, key: str, sniffer: socket.socket) -> None:
        while True:
            try:
                frame = sniffer.recv(65535)
            except (BlockingIOError, OSError):
                return
            serial = self._echo_request_serial(frame)
            if serial is not None:
                self._arrivals.setdefault(serial, []).append(key)

    def _echo_request_serial(self, frame: bytes) -> int | None:
        if len(frame) <= _PROTOCOL_OFFSET_V4:
            return None
        if frame[_IP_HEADER_START] >> 4 == 6:
            message, expected = frame[_ICMP_START_V6:], _ICMPV6
            protocol = frame[_PROTOCOL_OFFSET_V6]
        else:
            message, expected = frame[_IP_HEADER_START + (frame[_IP_HEADER_START] & 0xF) * 4 :], _ICMP
            protocol = frame[_PROTOCOL_OFFSET_V4]
        return self._marks.find(message) if (protocol, *message[:1]) == expected else None
