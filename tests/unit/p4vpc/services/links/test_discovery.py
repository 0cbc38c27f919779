# SPDX-License-Identifier: Apache-2.0
"""What a switch sends and hears by LLDP."""

import asyncio

import pytest

from p4vpc.services.links import Discovery, LinkMonitor, LinkOptions
from p4vpc.services.links.lldp import Sender, decode_frame, encode_frame
from p4vpc.southbound import NotConnectedError, Packet
from tests.unit.p4vpc.model.world import build, world

LLDP_REASON = 128


@pytest.fixture
def monitor() -> LinkMonitor:
    found = LinkMonitor(LinkOptions(), lambda switch: 1)
    found.set_links(build(world()))
    return found


def discovery(monitor: LinkMonitor, *, interval: float = 5.0, rate: float = 1000.0, is_ready: bool = True) -> Discovery:
    options = LinkOptions(lldp_interval=interval, lldp_rate=rate)
    return Discovery("leaf2", monitor, lambda: is_ready, options)


async def test_each_fabric_port_says_who_it_is(monitor: LinkMonitor) -> None:
    sent: list[Packet] = []

    async def send(packet: Packet) -> None:
        sent.append(packet)

    await discovery(monitor).send_all(send)
    assert [(packet.metadata["egress_port"], decode_frame(packet.payload)) for packet in sent] == [
        (1, Sender("leaf2", "1")),
        (9, Sender("leaf2", "9")),
    ]


async def test_what_could_not_be_sent_is_missed_by_nobody(monitor: LinkMonitor) -> None:
    async def send(packet: Packet) -> None:
        raise NotConnectedError("gone")

    monitor.lldp_heard("spine1", 2, Sender("leaf2", "1"))
    for _ in range(10):
        await discovery(monitor).send_all(send)
    assert monitor.down_links() == frozenset()


@pytest.mark.parametrize(("interval", "is_ready", "frames"), [(0.0, True, 0), (5.0, False, 0), (5.0, True, 2)])
async def test_nothing_is_sent_without_a_session_or_if_switched_off(
    monitor: LinkMonitor, interval: float, is_ready: bool, frames: int
) -> None:
    sent = []

    async def send(packet: Packet) -> None:
        sent.append(packet)

    task = asyncio.create_task(discovery(monitor, interval=interval, is_ready=is_ready).run(send))
    await asyncio.wait((task,), timeout=0.05)
    task.cancel()
    assert len(sent) == frames


def test_the_interval_stretches_with_the_fabric(monitor: LinkMonitor) -> None:
    assert discovery(monitor).interval == 5.0
    assert discovery(monitor, rate=0.5).interval == monitor.fabric_ports / 0.5 == 10.0


def test_lldp_is_taken_and_other_packets_are_not(monitor: LinkMonitor) -> None:
    it = discovery(monitor)
    frame = encode_frame(Sender("spine1", "1"), 1, 20)
    assert not it.offer(Packet(frame, {"ingress_port": 1, "reason": 8}))
    assert monitor.down_links() == frozenset()
    assert it.offer(Packet(frame, {"ingress_port": 1, "reason": LLDP_REASON}))
    (link,) = monitor.down_links()
    assert link.key == "leaf2-spine1", "it was expected from port 2 of spine1"
    assert it.offer(Packet(b"no LLDP", {"ingress_port": 1, "reason": LLDP_REASON}))
