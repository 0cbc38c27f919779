# SPDX-License-Identifier: Apache-2.0
"""ICMP echo from inside a host's namespace (RFC 792, RFC 4443): single ones by `ping`, or by Python, and streams."""

import asyncio
import itertools
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Self

from topo.namespaces import Namespace
from topo.processes import wait_ended

_ECHO_REQUEST = {4: 8, 6: 128}
_ECHO_REPLY = {4: 0, 6: 129}
_HEADER = struct.Struct("!BBHHH")

_identifiers = itertools.count(os.getpid())

MARK_LENGTH = 16
"""Octets of payload that identify an echo request wherever it turns up; `ping -p` takes no more."""


def has_ping_program() -> bool:
    """Whether a `ping` is installed that takes a payload pattern (iputils; that of BusyBox does not)."""
    program = shutil.which("ping")
    if program is None:
        return False
    version = subprocess.run([program, "-V"], capture_output=True, text=True, check=False, timeout=10)
    return "iputils" in version.stdout


class Ping:
    """One echo request on its way; await `replied`, and call `close` at the end."""

    def __init__(
        self, namespace: Namespace, address: IPv4Address | IPv6Address, mark: bytes, *, is_program: bool
    ) -> None:
        """Send it, by `ping` if `is_program`. `mark` (MARK_LENGTH octets) is repeated through the payload."""
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: EchoStream | None = None
        if is_program:
            with namespace.entered():
                # When to give up is the caller's decision; -W only bounds a ping whose caller is gone.
                self._process = subprocess.Popen(
                    ["ping", "-n", "-q", "-c", "1", "-W", "10", "-p", mark.hex(), str(address)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        else:
            self._stream = EchoStream(namespace, address, mark)
            self._stream.send()

    async def replied(self, timeout_s: float) -> bool:
        """Wait for the reply; False if none came in time."""
        if self._stream is not None:
            return await self._stream.wait_received(1, timeout_s)
        assert self._process is not None
        return await wait_ended(self._process, timeout_s) and self._process.returncode == 0

    def close(self) -> None:
        """Stop waiting, leave nothing behind."""
        if self._stream is not None:
            self._stream.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@dataclass(slots=True)
class Exchange:
    """One echo request of a stream: when it was sent and first answered (time.monotonic, s), and its replies."""

    sent_s: float
    received_s: float | None = None
    replies: int = 0


class EchoStream:
    """Echo requests from one host to one address, each accounted for by its sequence number (the first 65,536)."""

    def __init__(self, namespace: Namespace, address: IPv4Address | IPv6Address, mark: bytes = b"") -> None:
        self.exchanges: list[Exchange] = []
        self._address = str(address)
        self._family = address.version
        self._identifier = next(_identifiers) & 0xFFFF
        self._payload = mark * 3 or bytes(48)
        with namespace.entered():
            if self._family == 6:
                self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            else:
                self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setblocking(False)
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def sent(self) -> int:
        """Requests sent."""
        return len(self.exchanges)

    @property
    def received(self) -> int:
        """Requests answered."""
        return sum(exchange.received_s is not None for exchange in self.exchanges)

    def lost(self) -> Iterator[int]:
        """Sequence numbers without a reply (so far)."""
        return (number for number, exchange in enumerate(self.exchanges) if exchange.received_s is None)

    def send(self) -> None:
        """Send the next request. One that the kernel refuses (no neighbour's MAC yet) counts as sent, so as lost."""
        sequence = len(self.exchanges) & 0xFFFF
        self.exchanges.append(Exchange(time.monotonic()))
        message = echo_request(self._family, self._identifier, sequence, self._payload)
        try:
            self._socket.sendto(message, (self._address, 0))
        except OSError:
            return

    async def send_every(self, interval_s: float) -> None:
        """Send at a steady rate until cancelled."""
        start = time.monotonic()
        for number in itertools.count(1):
            self.send()
            await asyncio.sleep(max(0.0, start + number * interval_s - time.monotonic()))

    async def wait_received(self, count: int, timeout_s: float) -> bool:
        """Wait until `count` requests in all are answered; False if that does not happen in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.received < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Close the socket. Closing twice is allowed."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _receive(self) -> None:
        while True:
            try:
                packet = self._socket.recv(65535)
            except BlockingIOError:
                return
            # A raw socket gives IPv4 with its header, IPv6 without.
            message = packet if self._family == 6 else packet[(packet[0] & 0xF) * 4 :]
            if len(message) < _HEADER.size:
                continue
            kind, _, _, identifier, sequence = _HEADER.unpack_from(message)
            if kind == _ECHO_REPLY[self._family] and identifier == self._identifier and sequence < len(self.exchanges):
                exchange = self.exchanges[sequence]
                exchange.replies += 1
                if exchange.received_s is None:
                    exchange.received_s = time.monotonic()
                self._news.set()


def echo_request(family: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request message (RFC 792, RFC 4443), checksum included for IPv4; for IPv6 the kernel fills it in."""
    kind = _ECHO_REQUEST[family]
    blank = _HEADER.pack(kind, 0, 0, identifier, sequence) + payload
    checksum = internet_checksum(blank) if family == 4 else 0
    return _HEADER.pack(kind, 0, checksum, identifier, sequence) + payload


def internet_checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
