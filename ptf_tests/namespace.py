# SPDX-License-Identifier: Apache-2.0
"""A private network namespace for the test run: links made here vanish with the last process in it."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from array import array
from pathlib import Path
from typing import NoReturn

INSIDE = "P4VPC_PTF_NAMESPACE"
LINK_MTU = 9500

_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17


def switch_side(port: int) -> str:
    """The name of the switch's end of a port's link."""
    return f"sw{port}"


def test_side(port: int) -> str:
    """The name of the tester's end of a port's link."""
    return f"pt{port}"


def _unshare() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount"]


def why_not() -> str | None:
    """Why a private network namespace cannot be made here, or None."""
    if is_inside():
        return None
    for tool in ("unshare", "ip"):
        if shutil.which(tool) is None:
            return f"{tool} is not on the PATH"
    probe = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    return None if probe.returncode == 0 else f"no network namespace: {probe.stderr.strip()}"


def run_inside(arguments: list[str]) -> NoReturn:
    """Becomes Python with these arguments inside a new namespace: the same process, so that signals reach it."""
    command = [*_unshare(), sys.executable, *arguments]
    sys.stdout.flush()
    os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})


def is_inside() -> bool:
    """Whether this process was started by `run_inside`."""
    return os.environ.get(INSIDE) is not None


def prepare() -> None:
    """First thing inside: a /sys of this namespace, loopback up, and no IPv6 chatter on links made later."""
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for scope in ("all", "default"):
        setting = Path("/proc/sys/net/ipv6/conf") / scope / "disable_ipv6"
        if setting.exists():
            setting.write_text("1")


def add_link(one: str, other: str) -> None:
    """A veth pair, both ends up, promiscuous, without checksum offload, with room for encapsulated frames."""
    subprocess.run(["ip", "link", "add", one, "type", "veth", "peer", "name", other], check=True)
    for name in (one, other):
        subprocess.run(["ip", "link", "set", name, "mtu", str(LINK_MTU), "promisc", "on", "up"], check=True)
        _checksum_offload_off(name)


def remove_link(one: str) -> None:
    """Removes a veth pair by the name of one end."""
    subprocess.run(["ip", "link", "del", one], check=True)


def _checksum_offload_off(interface: str) -> None:
    # struct ethtool_value {cmd, data} behind the pointer of struct ifreq, see linux/ethtool.h and netdevice(7).
    value = array("B", struct.pack("II", _ETHTOOL_STXCSUM, 0))
    address, _ = value.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP", interface.encode(), address))
