# SPDX-License-Identifier: Apache-2.0
"""The ports that PTF dials, with PTF's own data plane at the other end."""

import asyncio
import struct
import sys

import pynng
import pytest

from softswitch.ports import PortError
from softswitch.ports.nanomsg import (
    INFO_COUNTERS,
    INFO_REPLY,
    INFO_REQUEST,
    PACKET_FROM_TEST,
    PACKET_TO_TEST,
    PORT_ADD,
    PORT_REMOVE,
    PORT_SET_STATUS,
    NanomsgPorts,
)

BOUND_SECONDS = 20


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/ptf"


@pytest.fixture
async def ports(address, host):
    ports = NanomsgPorts(address)
    ports.start(host)
    yield ports
    ports.stop()
    ports.stop()


class Peer:
    """What PTF does, by hand."""

    def __init__(self, address: str) -> None:
        self.socket = pynng.Pair0(dial=address, recv_timeout=BOUND_SECONDS * 1000)

    def send(self, kind: int, port: int, argument: int, data: bytes = b"") -> None:
        self.socket.send(struct.pack("<iii", kind, port, argument) + data)

    async def receive(self) -> tuple[int, int, int, bytes]:
        message = await self.socket.arecv()
        return (*struct.unpack_from("<iii", message), message[12:])


@pytest.fixture
def peer(address, ports):
    peer = Peer(address)
    yield peer
    peer.socket.close()


async def test_ports_are_added_and_removed(peer, host):
    peer.send(PORT_ADD, 3, 0)
    assert await host.next("added") == (3, True)
    peer.send(PORT_SET_STATUS, 3, 1)
    assert await host.next("state") == (3, False)
    peer.send(PORT_SET_STATUS, 3, 0)
    assert await host.next("state") == (3, True)
    peer.send(PORT_REMOVE, 3, 0)
    assert await host.next("removed") == (3,)


async def test_frames_go_both_ways_and_are_counted(peer, host, ports):
    peer.send(PORT_ADD, 3, 0)
    peer.send(PACKET_FROM_TEST, 3, 2, b"in")
    assert await host.next("frame") == (3, b"in")
    host.senders[3](b"out!")
    assert await peer.receive() == (PACKET_TO_TEST, 3, 4, b"out!")
    peer.send(INFO_REQUEST, 3, INFO_COUNTERS)
    assert await peer.receive() == (INFO_REPLY, 3, INFO_COUNTERS, struct.pack("<iii", 0, 1, 1))
    peer.send(INFO_REQUEST, 3, 0)
    assert await peer.receive() == (INFO_REPLY, 3, 0, struct.pack("<i", 1))
    assert ports.counters()[3].tx_bytes == 4


async def test_nonsense_is_survived(peer, host):
    host.refused.add(4)
    peer.socket.send(b"short")
    peer.send(99, 1, 0)
    peer.send(PACKET_FROM_TEST, 7, 1, b"x")
    peer.send(PORT_REMOVE, 7, 0)
    peer.send(PORT_ADD, 4, 0)
    peer.send(PORT_ADD, 3, 0)
    assert await host.next("added") == (3, True)
    assert host.ports == {3: True}


async def test_ports_go_with_their_peer(peer, host):
    peer.send(PORT_ADD, 3, 0)
    await host.next("added")
    peer.socket.close()
    assert await host.next("removed") == (3,)
    host.senders[3](b"to nobody")


async def test_an_address_that_is_taken_is_refused(ports, address, host):
    with pytest.raises(PortError, match="cannot listen for PTF"):
        NanomsgPorts(address).start(host)


async def test_without_pynng_the_error_says_what_to_install(address, host, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynng", None)
    with pytest.raises(PortError, match="install it with ptf"):
        NanomsgPorts(address).start(host)


PTF_SIDE = """
import sys
from ptf.dataplane import DataPlanePacketSourceNN
source = DataPlanePacketSourceNN(0, sys.argv[1], 20000, 20000)
source.port_add(1)
source.send(1, b"from ptf")
print(source.recv()[:3])
"""


async def test_ptf_own_data_plane(address, host, ports):
    ptf = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PTF_SIDE, address, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert await host.next("frame") == (1, b"from ptf")
    host.senders[1](b"to ptf")
    async with asyncio.timeout(BOUND_SECONDS):
        output, _ = await ptf.communicate()
    assert output.decode().splitlines()[-1] == "(0, 1, b'to ptf')"
