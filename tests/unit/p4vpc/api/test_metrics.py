# SPDX-License-Identifier: Apache-2.0
"""What the responders have done is on the metrics page, by switch, reason and outcome; and what inspection found."""

from p4vpc.api.metrics import render_metrics
from p4vpc.services import ControllerStatus
from p4vpc.services.responder import LatestAnnouncements, Responder
from p4vpc.southbound import Packet, PipelineState, SwitchStatus


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


def test_drift_and_roll_out_by_switch() -> None:
    found = SwitchStatus("leaf1", "127.0.0.1:1", pipeline=PipelineState.OUTDATED, rounds_inspected=2, entries_drifted=3)
    text = render_metrics(ControllerStatus(0, "", (found,)), {}, {}).decode()
    assert 'p4vpc_switch_entries_drifted_total{switch="leaf1"} 3.0' in text
    assert 'p4vpc_switch_rounds_inspected_total{switch="leaf1"} 2.0' in text
    assert 'p4vpc_switch_pipeline_outdated{switch="leaf1"} 1.0' in text
