# SPDX-License-Identifier: Apache-2.0
"""What commands print, apart from who asked."""

import re
from pathlib import Path

import pytest
import typer

from p4vpc.cli import show
from p4vpc.cli.files import read_files
from p4vpc.cli.serve import default_pipeline, parse_listen
from p4vpc.client import ApplyResult, Counters, Drops, Status
from p4vpc.errors import IntentError
from p4vpc.intent import KINDS, is_loopback


def test_every_kind_has_columns(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in KINDS:
        show.print_objects(kind, [{"kind": kind, "name": "x", "tenant": "t", "vpc": "v"}])
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(kind.upper())
        assert len(lines[0].split()) > 1
        assert lines[1].split()[0].endswith("x") or kind == "fabric"


@pytest.mark.parametrize(
    ("attachment", "text"),
    [
        (None, "unbound"),
        ({"switch": "leaf1", "port": 3}, "leaf1:3"),
        ({"switch": "leaf1", "port": 3, "vlan": 7}, "leaf1:3 vlan 7"),
        ({"vtep": "10.0.0.1"}, "vtep 10.0.0.1"),
    ],
)
def test_attachments(attachment: dict[str, object] | None, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show.print_objects("port", [{"name": "a", "tenant": "t", "vpc": "v", "attachment": attachment}])
    assert capsys.readouterr().out.splitlines()[1].endswith(text)


def test_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    candidates = [{"switch": "leaf2", "port": 4, "vlan": 9}, {"switch": "leaf3", "port": 5}]
    document = {"attachment": {"switch": "leaf1", "port": 3}, "candidates": candidates}
    show.print_objects("port", [{"name": "a", "tenant": "t", "vpc": "v", **document}])
    assert capsys.readouterr().out.splitlines()[1].endswith("leaf2:4 vlan 9, leaf3:5")


@pytest.mark.parametrize(
    ("kind", "fields", "cells"),
    [
        (
            "network_acl",
            {"subnets": ["a", "b"], "inbound": [], "outbound": None},
            ["t/v/x", "a, b", "0", "open"],
        ),
        (
            "qos_policy",
            {"to_port": {"rate_bps": 8000, "burst_bytes": 2000, "peak_rate_bps": 9000}},
            ["t/x", "unlimited", "8000 bit/s, peak 9000 bit/s"],
        ),
    ],
)
def test_what_limits_traffic(
    kind: str, fields: dict[str, object], cells: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    show.print_objects(kind, [{"kind": kind, "tenant": "t", "vpc": "v", "name": "x", **fields}])
    assert re.split(" {2,}| (?=open$)", capsys.readouterr().out.splitlines()[1]) == cells


def test_a_subnet_is_shown_with_both_families(capsys: pytest.CaptureFixture[str]) -> None:
    names = {"tenant": "t", "vpc": "v", "name": "a"}
    show.print_objects("subnet", [{**names, "ipv4": "10.0.0.0/24", "ipv6": "2001:db8::/64", "broadcast": True}])
    assert capsys.readouterr().out.splitlines()[1].split() == ["t/v/a", "10.0.0.0/24", "2001:db8::/64", "true"]


def test_square_brackets_are_not_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show.print_table(("A",), [("tunnels[0x1] [bold]x[/bold]",)])
    assert "tunnels[0x1] [bold]x[/bold]" in capsys.readouterr().out


def test_a_difference_is_shown_field_by_field(capsys: pytest.CaptureFixture[str]) -> None:
    before = {"kind": "tenant", "name": "red", "description": "one", "old": 1}
    after = {"kind": "tenant", "name": "red", "description": "two", "new": [1]}
    change = {"operation": "update", "kind": "tenant", "key": "red", "before": before, "after": after}
    result = {"revision": 1, "is_dry_run": True, "outcome": None, "changes": [change]}
    show.print_difference(ApplyResult.model_validate(result))
    assert capsys.readouterr().out.splitlines() == [
        "~ tenant red",
        '    ~ description: "one" -> "two"',
        "    - old: 1",
        "    + new: [1]",
    ]


SWITCH = {
    "name": "leaf1",
    "address": "127.0.0.1:1",
    "state": "ready",
    "is_connected": True,
    "is_realised": False,
    "pipeline": "same",
    "desired_revision": 4,
    "realised_revision": 3,
    "entries": 2,
    "updates_written": 5,
    "updates_refused": 1,
    "connections": 1,
    "packets_in": 0,
    "problems": [
        {
            "table": "hosts_v4",
            "entry": "insert hosts_v4[0x1]",
            "origins": [{"kind": "port", "key": "red/prod/a"}],
            "reason": "RESOURCE_EXHAUSTED",
        }
    ],
    "error": "",
}


def test_a_degraded_switch_is_shown_with_what_it_cannot_hold(capsys: pytest.CaptureFixture[str]) -> None:
    status = {"revision": 4, "compiled_revision": 4, "error": "", "outcome": None, "switches": [SWITCH]}
    show.print_status(Status.model_validate(status))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["leaf1", "degraded", "3/4"]
    assert lines[-1] == "! leaf1: port red/prod/a: insert hosts_v4[0x1]: RESOURCE_EXHAUSTED"


def test_who_owns_a_switch_is_shown_if_there_are_several_controllers(capsys: pytest.CaptureFixture[str]) -> None:
    status = {"revision": 4, "compiled_revision": 4, "error": "", "outcome": None, "controller": "one"}
    one, two = (
        {"name": name, "url": f"http://{name}", "is_live": name == "one", "compiled_revision": 4, "switches": 1}
        for name in ("one", "two")
    )
    switches = [{**SWITCH, "controller": "one", "epoch": 7}, {**SWITCH, "name": "leaf2", "controller": "", "epoch": 3}]
    show.print_status(Status.model_validate({**status, "switches": switches, "controllers": [one, two]}))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][-2:] == ["CONTROLLER", "EPOCH"]
    assert [line[-2:] for line in lines[1:3]] == [["one", "7"], ["none", "3"]]
    assert lines[4:7] == [
        ["CONTROLLER", "STATE", "REVISION", "SWITCHES", "URL"],
        ["one", "live", "4", "1", "http://one"],
        ["two", "gone", "4", "1", "http://two"],
    ]
    show.print_status(Status.model_validate({**status, "switches": [SWITCH]}))
    assert "CONTROLLER" not in capsys.readouterr().out


def test_what_was_found_other_than_written_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    status = {"revision": 4, "compiled_revision": 4, "error": "", "outcome": None}
    for number in (0, 3):
        switch = {**SWITCH, "problems": [], "entries_drifted": number}
        show.print_status(Status.model_validate({**status, "switches": [switch]}))
        told = "! leaf1: 3 entries were found other than written since the start"
        assert (told in capsys.readouterr().out.splitlines()) is bool(number)


def test_reasons_that_did_not_occur_are_shown_only_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    drops = Drops(switches={"leaf1": {"spoof": 3, "policy": 0}}, errors={"leaf2": "not connected"})
    show.print_drops(drops, is_zero_shown=False)
    captured = capsys.readouterr()
    assert [line.split() for line in captured.out.splitlines()[1:]] == [["leaf1", "spoof", "3"]]
    assert captured.err == "! leaf2: not connected\n"
    show.print_drops(drops, is_zero_shown=True)
    assert "policy" in capsys.readouterr().out


def test_counters_are_shown_with_their_origin(capsys: pytest.CaptureFixture[str]) -> None:
    item = {
        "switch": "leaf1",
        "table": "policy",
        "entry": "policy[*] priority 1 -> permit()",
        "origins": [{"kind": "security_group", "key": "red/prod/open"}],
        "packets": 1,
        "bytes": 98,
    }
    counters = Counters.model_validate({"counters": [item, {**item, "switch": "leaf2", "packets": 0}], "errors": {}})
    show.print_counters(counters, is_zero_shown=True)
    assert "leaf2" in capsys.readouterr().out
    show.print_counters(counters, is_zero_shown=False)
    assert capsys.readouterr().out.splitlines()[1].split(maxsplit=3) == [
        "leaf1",
        "1",
        "98",
        "policy[*] priority 1 -> permit()  security_group red/prod/open",
    ]


def test_directories_are_read_in_order_and_only_yaml(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("kind: tenant\nname: b\n")
    (tmp_path / "a.yaml").write_text("kind: tenant\nname: a\n")
    (tmp_path / "c.txt").write_text("no YAML: [")
    assert [str(intent) for intent in read_files([tmp_path]).intents] == ["tenant a", "tenant b"]


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(IntentError) as caught:
        read_files([tmp_path / "x.yaml", tmp_path / "y.yaml"])
    assert [problem.source for problem in caught.value.problems] == [str(tmp_path / "x.yaml"), str(tmp_path / "y.yaml")]


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9560", ("127.0.0.1", 9560)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_listen_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address
    assert is_loopback(address[0])


@pytest.mark.parametrize("text", ["", "9560", ":9560", "host:", "host:x", "host:65536", "[]:1"])
def test_listen_addresses_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="HOST:PORT"):
        parse_listen(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.net"])
def test_addresses_that_others_reach(host: str) -> None:
    assert not is_loopback(host)


def test_the_pipeline_of_this_version_is_found() -> None:
    assert (default_pipeline() / "p4info.txtpb").is_file()
