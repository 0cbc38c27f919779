# SPDX-License-Identifier: Apache-2.0
"""State of Linux network interfaces: asked by ioctl, followed by rtnetlink(7)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from softswitch.ports.base import RX_BURST_FRAMES

SIOCGIFFLAGS = 0x8913
IFF_UP = 0x1
IFF_RUNNING = 0x40
NETLINK_ROUTE = 0
RTMGRP_LINK = 1
RTM_NEWLINK = 16
RTM_DELLINK = 17
IFLA_IFNAME = 3

_NLMSGHDR = struct.Struct("=IHHII")
_IFINFOMSG = struct.Struct("=BxHiII")
_RTATTR = struct.Struct("=HH")
_IFREQ_FLAGS = struct.Struct("16sH14x")


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel knows it. The index changes when it is deleted and made again."""

    name: str
    index: int
    is_up: bool


def read_link(name: str) -> Link | None:
    """The state of an interface in this network namespace, or None when there is none of that name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            index = socket.if_nametoindex(name)
            answer = fcntl.ioctl(probe, SIOCGIFFLAGS, _IFREQ_FLAGS.pack(name.encode(), 0))
        except OSError:
            return None
    _, flags = _IFREQ_FLAGS.unpack(answer)
    return Link(name, index, _is_up(flags))


def _is_up(flags: int) -> bool:
    return flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING


def parse_link_names(data: bytes) -> set[str]:
    """The names of the interfaces that a datagram of rtnetlink link messages is about."""
    names: set[str] = set()
    position = 0
    while position + _NLMSGHDR.size <= len(data):
        length, kind, _, _, _ = _NLMSGHDR.unpack_from(data, position)
        if length < _NLMSGHDR.size:
            break
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            attributes = data[position + _NLMSGHDR.size + _IFINFOMSG.size : position + length]
            names.update(_link_name(attributes))
        position += (length + 3) & ~3
    return names


def _link_name(attributes: bytes) -> list[str]:
    position = 0
    while position + _RTATTR.size <= len(attributes):
        length, kind = _RTATTR.unpack_from(attributes, position)
        if length < _RTATTR.size:
            break
        if kind == IFLA_IFNAME:
            return [attributes[position + _RTATTR.size : position + length].rstrip(b"\0").decode(errors="replace")]
        position += (length + 3) & ~3
    return []


class LinkMonitor:
    """Calls back when the kernel says that an interface may have changed. The callback reads the state afresh."""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self._name = name
        self._changed = changed
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Begin to listen; needs a running event loop."""
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        netlink.setblocking(False)
        netlink.bind((0, RTMGRP_LINK))
        asyncio.get_running_loop().add_reader(netlink, self._read)
        self._socket = netlink

    def stop(self) -> None:
        """Stop listening."""
        netlink, self._socket = self._socket, None
        if netlink is not None:
            asyncio.get_running_loop().remove_reader(netlink)
            netlink.close()

    def _read(self) -> None:
        if self._socket is None:
            return
        is_concerned = False
        with contextlib.suppress(BlockingIOError):
            for _ in range(RX_BURST_FRAMES):
                try:
                    is_concerned |= self._name in parse_link_names(self._socket.recv(65536))
                except BlockingIOError:
                    raise
                except OSError:
                    # ENOBUFS: messages were lost, so anything may have changed.
                    is_concerned = True
        if is_concerned:
            self._changed()
