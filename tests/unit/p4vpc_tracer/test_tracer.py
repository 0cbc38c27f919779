# SPDX-License-Identifier: Apache-2.0
"""The plug-in that runs softswitch's engine: what it takes, what it refuses, and that it is announced."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from p4vpc.cli.serve import default_pipeline
from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    Exact,
    MeterEntry,
    MulticastEntry,
    Range,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.errors import InternalError
from p4vpc.services.trace import TracerMissingError, plugin
from p4vpc_tracer import SoftswitchTracer
from softswitch.program import Program

CONFIG = (default_pipeline() / "p4vpc.json").read_bytes()
ACCESS = TableEntry("access_ports", (Exact(11), Exact(0)), 0, ActionCall("set_access", (1, 2, 3, 4, 1500)))
POLICY = TableEntry(
    "policy",
    (Ternary(4, 0xFFFF), Ternary(0, 0), Ternary(6, 0xFF), Range(1, 2), Ternary(1, 1)),
    100,
    ActionCall("permit"),
)
EVERY_KIND = (
    ACCESS,
    POLICY,
    TableEntry(
        "tunnel_next_hops",
        (Exact(1),),
        0,
        ActionSet(tuple(WeightedAction(ActionCall("set_next_hop", (port,)), 1, port) for port in (1, 2))),
    ),
    MulticastEntry(2, ((11, 1), (12, 2))),
    CloneEntry(4, ((14, 3),), 64),
    MeterEntry("port_ingress_meter", 1, 1000, 1600, 1000, 1600),
)


@pytest.fixture(scope="module")
def tracer() -> SoftswitchTracer:
    return SoftswitchTracer()


def test_a_pipeline_is_compiled_once(tracer: SoftswitchTracer, monkeypatch: pytest.MonkeyPatch) -> None:
    tracer.load(CONFIG, ())
    monkeypatch.setattr(Program, "from_json", lambda _: pytest.fail("compiled again"))
    tracer.load(bytes(CONFIG), EVERY_KIND)


def test_steps_name_the_entry_that_was_hit(tracer: SoftswitchTracer) -> None:
    frame = bytes.fromhex("0200000000020200000000010800") + bytes(46)
    steps = tracer.load(CONFIG, EVERY_KIND).process(11, frame).steps
    [access] = [step for step in steps if step.name == "access_ports" and step.kind == "table"]
    assert (access.detail, access.key, access.identity) == ("hit", (11, 0), ACCESS.identity)
    assert all(step.identity is None for step in steps if step.kind == "table" and step is not access)


def test_switches_share_nothing(tracer: SoftswitchTracer) -> None:
    one, other = tracer.load(CONFIG, (ACCESS,)), tracer.load(CONFIG, ())
    frame = bytes.fromhex("0200000000020200000000010800") + bytes(46)
    first = one.process(11, frame)
    assert one.process(11, frame) == first
    assert "hit" not in {step.detail for step in other.process(11, frame).steps if step.name == "access_ports"}


@pytest.mark.parametrize(
    "entry",
    [
        TableEntry("no_such_table", (Exact(1),), 0, ActionCall("set_access")),
        TableEntry("access_ports", (Exact(1 << 9), Exact(0)), 0, ACCESS.action),
        MeterEntry("no_such_meter", 1, 1, 1, 1, 1),
        CloneEntry(0, ()),
    ],
    ids=str,
)
def test_what_does_not_fit_the_pipeline_is_a_bug_of_ours(tracer: SoftswitchTracer, entry: TableEntry) -> None:
    with pytest.raises(InternalError, match="the tracer's pipeline does not take an entry"):
        tracer.load(CONFIG, [entry])


def test_a_pipeline_of_another_target_is_refused() -> None:
    with pytest.raises(TracerMissingError, match="cannot execute the controller's pipeline"):
        SoftswitchTracer().load(b"{}", ())


def test_the_distribution_announces_it() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    points = project["project"]["entry-points"][plugin.GROUP]
    assert points == {"softswitch": "p4vpc_tracer:SoftswitchTracer"}
    for value in points.values():
        module, _, name = value.partition(":")
        assert getattr(import_module(module), name) is SoftswitchTracer
    assert "controlplane/p4vpc_tracer" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
