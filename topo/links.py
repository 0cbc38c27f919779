# SPDX-License-Identifier: Apache-2.0
"""Interfaces and links: veth pairs, addresses and offloads, with `ip` (iproute2) and two ioctls."""

import contextlib
import ctypes
import fcntl
import socket
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

from topo.errors import CommandError
from topo.namespaces import Namespace

FABRIC_MTU = 1600
"""MTU of links between switches, bytes: a tenant's 1500 plus the 50 bytes of VXLAN over IPv4, and room."""

HOST_MTU = 1450
"""MTU of tenant hosts, bytes."""

MAX_NAME_LENGTH = 15
"""Longest interface name that Linux takes (IFNAMSIZ minus the final zero)."""

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
