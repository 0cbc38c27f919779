# SPDX-License-Identifier: Apache-2.0
"""Interfaces and links: veth pairs, addresses and offloads, with `ip` (iproute2) and two ioctls."""

import contextlib
import ctypes
import fcntl
import json
import socket
import struct
import subprocess
from collections.abc import Iterable, Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from topo.errors import CommandError
from topo.namespaces import Namespace

FABRIC_MTU = 9240
"""MTU of switch ports, bytes: the largest `tenant_mtu` plus the 70 bytes of VXLAN over IPv6, and a tenant's own tag."""


class AddressState(Enum):
    """What an IPv6 address is, to the host that has it."""

    TENTATIVE = "tentative"
    DUPLICATE = "duplicate"
    USABLE = "usable"


MAX_NAME_LENGTH = 15
"""Longest interface name that Linux takes (IFNAMSIZ minus the final zero)."""

# linux/if_addr.h
_IFA_F_DADFAILED = 0x08
_IFA_F_TENTATIVE = 0x40

_SIOCETHTOOL = 0x8946
# linux/ethtool.h. Transmit checksums first: segmentation offload depends on them.
_ETHTOOL_OFF_COMMANDS = {"tx-checksum": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}


def ip_batch(namespace: Namespace, commands: Iterable[str]) -> None:
    """Run `ip` commands (without the leading `ip`) in a namespace as one batch; the first failure ends it.

    Raises CommandError with what `ip` said, or when iproute2 is missing.
    """
    text = "".join(f"{command}\n" for command in commands)
    try:
        with namespace.entered():
            process = subprocess.Popen(
                ["ip", "-batch", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
    except FileNotFoundError as error:
        raise CommandError("`ip` is not installed; install iproute2 (Debian, Ubuntu: apt install iproute2)") from error
    output, _ = process.communicate(text, timeout=60)
    if process.returncode != 0:
        raise CommandError(f"ip failed in namespace {namespace.name}: {output.strip()}\n{text.rstrip()}")


def disable_ipv6(namespace: Namespace) -> None:
    """Keep the kernel from sending IPv6 (router solicitations, DAD, MLD) on any interface of the namespace.

    Where `/proc/sys` is read-only (some containers), `addrgenmode none` on each interface has to do.
    """
    with namespace.entered(), contextlib.suppress(OSError):
        for scope in ("default", "all"):
            Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1", encoding="ascii")


def ignore_router_advertisements(namespace: Namespace) -> None:
    """Keep the kernel from asking for routers and from believing any, on interfaces that are still to come.

    Where `/proc/sys` is read-only it asks, and the gateway that it is given tells it of itself: nothing new.
    """
    with namespace.entered(), contextlib.suppress(OSError):
        Path("/proc/sys/net/ipv6/conf/default/accept_ra").write_text("0", encoding="ascii")


def enable_ipv6(namespace: Namespace, interface: str) -> None:
    """Allow IPv6 on one interface of a namespace where `disable_ipv6` has forbidden it."""
    with namespace.entered(), contextlib.suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("0", encoding="ascii")


def _show(namespace: Namespace, *arguments: str) -> list[dict[str, Any]]:
    with namespace.entered():
        process = subprocess.run(["ip", "-json", *arguments], capture_output=True, text=True, check=False, timeout=60)
    if process.returncode != 0:
        raise CommandError(f"ip failed in namespace {namespace.name}: {process.stderr.strip()}")
    rows: list[dict[str, Any]] = json.loads(process.stdout)
    return rows


def neighbor_mac(namespace: Namespace, address: IPv4Address | IPv6Address) -> str | None:
    """What ARP or neighbour discovery has learned for an address; CommandError if `ip` cannot tell."""
    rows = _show(namespace, "neighbor", "show", "to", str(address))
    return next((row["lladdr"] for row in rows if "lladdr" in row), None)


def sent_packets(namespace: Namespace, interface: str) -> int:
    """How many packets have left by an interface so far; CommandError if `ip` cannot tell."""
    [shown] = _show(namespace, "-statistics", "link", "show", "dev", interface)
    return int(shown["stats64"]["tx"]["packets"])


def ipv6_states(namespace: Namespace, interface: str) -> Mapping[IPv6Address, AddressState]:
    """The IPv6 addresses of an interface, and how far duplicate address detection (RFC 4862) has come with each."""
    with namespace.entered():
        table = Path("/proc/thread-self/net/if_inet6").read_text(encoding="ascii")
    rows = [line.split() for line in table.splitlines()]
    return {IPv6Address(int(row[0], 16)): _state(int(row[4], 16)) for row in rows if row[5] == interface}


def _state(flags: int) -> AddressState:
    if flags & _IFA_F_DADFAILED:
        return AddressState.DUPLICATE
    return AddressState.TENTATIVE if flags & _IFA_F_TENTATIVE else AddressState.USABLE


def disable_offloads(namespace: Namespace, interfaces: Iterable[str]) -> None:
    """Make the kernel fill in checksums and send no frame larger than the MTU, as on a wire.

    A veth hands frames over with the checksum left to a card that is not there: a switch in user space sees it wrong.
    """
    with namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for interface in interfaces:
            for feature, command in _ETHTOOL_OFF_COMMANDS.items():
                _set_offload(control, interface, feature, command)


def _set_offload(control: socket.socket, interface: str, feature: str, command: int) -> None:
    value = (ctypes.c_uint32 * 2)(command, 0)  # struct ethtool_value: which feature, off
    request = struct.pack("@16sP16x", interface.encode(), ctypes.addressof(value))  # struct ifreq
    try:
        fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError as error:
        if feature == "tx-checksum":
            raise CommandError(f"interface {interface}: {feature} cannot be switched off: {error.strerror}") from error
