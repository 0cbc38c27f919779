# SPDX-License-Identifier: Apache-2.0
"""A link goes down under running traffic: at the cable, through the driver, into the selector."""

import asyncio
import ctypes
import functools
import os
import select
import shutil
import socket
import subprocess
import threading
from types import SimpleNamespace

import pytest
from finsy.proto import p4r

from softswitch.p4runtime.device import Device
from softswitch.ports import MemoryPorts
from softswitch.ports.packet_socket import PacketSocketPort
from softswitch.program import Program
from softswitch.runtime import ActionCall, ActionSet, WeightedAction

from .conftest import BOUND_SECONDS, PROGRAMS, exact

CLONE_NEWNET = 0x40000000
SENDER = 1
PATHS = (5, 6, 7)
FLOWS = 120


def frame(flow: int) -> bytes:
    """A flow is a source address; the length is the least that Ethernet knows."""
    return bytes(5) + b"\x0b" + b"\x02" + flow.to_bytes(5, "big") + b"\x88\xb5" + bytes(46)


async def insert_ways(session) -> None:
    entry = session.entry("ecmp", exact(bytes([SENDER])))
    for port in PATHS:
        entry.table_entry.action.action_profile_action_set.action_profile_actions.add(
            action=session.action("send", bytes([port])), weight=1, watch_port=bytes([port])
        )
    await session.write((p4r.Update.INSERT, entry))


def flows_by_port(ports: MemoryPorts) -> dict[int, int]:
    """The port of each flow, by what arrives at the far ends of the cables."""
    for flow in range(FLOWS):
        ports.inject(SENDER, frame(flow))
    return {int.from_bytes(seen[7:12], "big"): port for port in PATHS for seen in ports.received(port)}


async def test_flows_leave_a_port_whose_link_is_down(clients, softswitch):
    session = await clients.ready(softswitch)
    await insert_ways(session)
    before = flows_by_port(softswitch.ports)
    assert len(before) == FLOWS
    assert set(before.values()) == set(PATHS)
    softswitch.ports.set_link(6, is_up=False)
    during = flows_by_port(softswitch.ports)
    assert len(during) == FLOWS
    assert set(during.values()) == {5, 7}
    assert all(during[flow] == port for flow, port in before.items() if port != 6)
    softswitch.ports.set_link(6, is_up=True)
    assert flows_by_port(softswitch.ports) == before


def in_own_namespace(test):
    """Run an async test in a thread that has left for a network namespace of its own; it vanishes with the thread."""

    @functools.wraps(test)
    def run():
        failures: list[BaseException] = []

        def body() -> None:
            try:
                if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "unshare")
                asyncio.run(test())
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    return run


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def wire(port: int) -> socket.socket:
    """The far end of a cable."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind((f"far{port}", 0))
    raw.settimeout(BOUND_SECONDS)
    return raw


async def wait_for_state(device: Device, states: dict[int, bool]) -> None:
    """Wait until these ports are up or down as said."""
    changed = asyncio.Event()
    stop_watching = device.watch_ports(changed.set)
    async with asyncio.timeout(BOUND_SECONDS):
        while not states.items() <= {port.number: port.is_up for port in device.port_states()}.items():
            await changed.wait()
            changed.clear()
    stop_watching()


@pytest.mark.namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a network namespace in the test's own process")
@pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2")
@in_own_namespace
async def test_a_veth_whose_peer_goes_down_gets_no_packet():
    for port in (SENDER, *PATHS):
        ip("link", "add", f"near{port}", "type", "veth", "peer", "name", f"far{port}")
        ip("link", "set", f"near{port}", "addrgenmode", "none", "up")
        ip("link", "set", f"far{port}", "addrgenmode", "none", "up")
    # No gRPC here: its threads live in the namespace of the process.
    switch = Program.from_json((PROGRAMS / "everything.json").read_bytes()).instantiate()
    ways = (WeightedAction(ActionCall("send", (port,)), 1, port) for port in PATHS)
    switch.tables["ecmp"].insert((SENDER,), ActionSet(tuple(ways)))
    device = Device([PacketSocketPort(port, f"near{port}") for port in (SENDER, *PATHS)])
    device.start()
    try:
        device.run(SimpleNamespace(switch=switch))
        await wait_for_state(device, dict.fromkeys((SENDER, *PATHS), True))
        assert [port.name for port in device.port_states()] == ["near1", "near5", "near6", "near7"]
        ip("link", "set", "far6", "down")
        await wait_for_state(device, {6: False})
        with wire(SENDER) as sender, wire(5) as five, wire(7) as seven:
            for flow in range(FLOWS):
                sender.send(frame(flow))
            seen = {await asyncio.to_thread(_first_of, (five, seven)) for _ in range(FLOWS)}
        assert seen == {frame(flow) for flow in range(FLOWS)}
        after = {port.number: port.counters for port in device.port_states()}
        assert (after[6].tx_frames, after[6].tx_errors, after[6].tx_drops) == (0, 0, 0)
        assert after[5].tx_frames + after[7].tx_frames == FLOWS
    finally:
        device.stop()


def _first_of(wires: tuple[socket.socket, ...]) -> bytes:
    """The next frame that arrives on any of the wires."""
    ready, _, _ = select.select(wires, [], [], BOUND_SECONDS)
    return ready[0].recv(2000)
