# SPDX-License-Identifier: Apache-2.0
"""What the responders have done is on the metrics page, by switch, reason and outcome."""

from p4vpc.api.metrics import render_metrics
from p4vpc.services import ControllerStatus
from p4vpc.services.responder import LatestAnnouncements, Responder
from p4vpc.southbound import Packet


async def send_nothing(_: Packet) -> None:
    raise AssertionError("nothing is to be sent")


async def test_responder_packets_by_reason_and_outcome() -> None:
    responder = Responder("leaf1", LatestAnnouncements())
    for reason in (8, 8, 33):
        responder.offer(Packet(b"", {"reason": reason, "ingress_port": 1}))
    await responder.drain(send_nothing)
    text = render_metrics(ControllerStatus(0, "", ()), {"leaf1": responder}, {}).decode()
    name = 'p4vpc_responder_packets_total{outcome="unknown_sender",reason="%s",switch="leaf1"} %.1f'
    assert name % ("ttl", 2) in text
    assert name % ("learn", 1) in text
