# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from softswitch.ports import MemoryPorts, PortError


async def test_frames_go_in_and_out(host):
    ports = MemoryPorts([1, 2])
    ports.start(host)
    assert host.ports == {1: True, 2: True}
    ports.inject(1, b"in")
    assert await host.next("frame") == (1, b"in")
    host.senders[2](b"out")
    host.senders[2](b"more")
    assert ports.received(2) == [b"out", b"more"]
    assert ports.received(2) == []
    assert ports.counters()[2].tx_frames == 2
    assert ports.counters()[1].rx_bytes == 2
    ports.stop()
    ports.stop()
    assert host.ports == {}


async def test_receive_waits(host):
    ports = MemoryPorts([1])
    ports.start(host)
    first, second = asyncio.create_task(ports.receive(1)), asyncio.create_task(ports.receive(1))
    await asyncio.sleep(0)
    host.senders[1](b"one")
    host.senders[1](b"two")
    assert {await first, await second} == {b"one", b"two"}


async def test_a_link_goes_down(host):
    ports = MemoryPorts([1])
    with pytest.raises(PortError):
        ports.set_link(1, is_up=False)
    with pytest.raises(PortError):
        ports.inject(1, b"")
    ports.start(host)
    ports.set_link(1, is_up=False)
    assert host.ports == {1: False}
    with pytest.raises(PortError, match="port 9"):
        ports.inject(9, b"")
