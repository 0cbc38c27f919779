# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics, made from the status at the moment of the scrape."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from p4vpc.services import ControllerStatus
from p4vpc.services.responder import Responder
from p4vpc.services.samples import Sampler
from p4vpc.southbound import PipelineState, SwitchStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST

_GAUGES: tuple[tuple[str, str, Callable[[SwitchStatus], float]], ...] = (
    ("p4vpc_switch_connected", "1 while there is a session", lambda switch: switch.is_connected),
    ("p4vpc_switch_desired_revision", "Revision that is wanted", lambda switch: switch.desired_revision),
    ("p4vpc_switch_realised_revision", "Revision that is shown in full", lambda switch: switch.realised_revision),
    ("p4vpc_switch_entries", "Table entries and multicast groups", lambda switch: switch.entries),
    (
        "p4vpc_switch_pipeline_outdated",
        "1 while another pipeline waits for its turn to be replaced",
        lambda switch: switch.pipeline is PipelineState.OUTDATED,
    ),
    ("p4vpc_switch_problems", "Entries that the switch cannot hold", lambda switch: len(switch.problems)),
)
_COUNTERS: tuple[tuple[str, str, Callable[[SwitchStatus], float]], ...] = (
    ("p4vpc_switch_updates_written", "Updates that the switch accepted", lambda switch: switch.updates_written),
    ("p4vpc_switch_updates_refused", "Updates that it refused", lambda switch: switch.updates_refused),
    ("p4vpc_switch_connections", "Sessions opened", lambda switch: switch.connections),
    ("p4vpc_switch_packets_in", "Packets received from the switch", lambda switch: switch.packets_in),
    ("p4vpc_switch_rounds_inspected", "Times that every table was inspected", lambda switch: switch.rounds_inspected),
    ("p4vpc_switch_entries_drifted", "Entries found other than written", lambda switch: switch.entries_drifted),
)


def render_metrics(
    status: ControllerStatus, responders: Mapping[str, Responder], samplers: Mapping[str, Sampler]
) -> bytes:
    """All metrics in text format."""
    registry = CollectorRegistry()
    registry.register(_StatusCollector(status))
    registry.register(_ResponderCollector(responders))
    registry.register(_SamplerCollector(samplers))
    return generate_latest(registry)


class _StatusCollector(Collector):
    def __init__(self, status: ControllerStatus):
        self._status = status
        self._owned = [it for it in status.switches if status.owners.get(it.name, (status.name,))[0] == status.name]

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "p4vpc_compiled_revision", "Revision handed to the agents", value=self._status.compiled_revision
        )
        yield GaugeMetricFamily(
            "p4vpc_model_error", "1 while the last revision cannot be realised", value=bool(self._status.error)
        )
        live = sum(member.is_live for member in self._status.controllers.values())
        yield GaugeMetricFamily("p4vpc_controllers", "Controllers that are live", value=live or 1)
        yield GaugeMetricFamily("p4vpc_switches_owned", "Switches of this controller", value=len(self._owned))
        for name, text, value in _GAUGES:
            gauge = GaugeMetricFamily(name, text, labels=["switch"])
            for switch in self._owned:
                gauge.add_metric([switch.name], value(switch))
            yield gauge
        for name, text, value in _COUNTERS:
            counter = CounterMetricFamily(name, text, labels=["switch"])
            for switch in self._owned:
                counter.add_metric([switch.name], value(switch))
            yield counter
        up = GaugeMetricFamily("p4vpc_link_up", "1 while paths use the link", labels=["link"])
        flaps = CounterMetricFamily("p4vpc_link_flaps", "Times that the link went down", labels=["link"])
        for link in self._status.links:
            up.add_metric([link.name], not link.is_down)
            flaps.add_metric([link.name], link.flaps)
        yield up
        yield flaps


class _ResponderCollector(Collector):
    def __init__(self, responders: Mapping[str, Responder]):
        self._responders = responders

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(
            "p4vpc_responder_packets",
            "Dropped packets handed to the controller, by drop reason and what became of them",
            labels=["switch", "reason", "outcome"],
        )
        for switch, responder in self._responders.items():
            for (reason, outcome), count in sorted(responder.counts.items()):
                counter.add_metric([switch, reason.name.lower(), outcome.value], count)
        yield counter


class _SamplerCollector(Collector):
    def __init__(self, samplers: Mapping[str, Sampler]):
        self._samplers = samplers

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(
            "p4vpc_samples",
            "Samples of dropped packets, by drop reason, and of what rules of network ACLs log",
            labels=["switch", "reason"],
        )
        for switch, sampler in self._samplers.items():
            for reason, count in sorted(sampler.counts.items()):
                counter.add_metric([switch, reason], count)
        yield counter
