# SPDX-License-Identifier: Apache-2.0
"""The command line against a controller that runs as a process: what it prints and how it exits."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

from p4vpc.cli.main import main
from tests.integration.controller.conftest import ServeProcess
from tests.integration.controller.targets import free_port


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """`serve` sets up logging for its process, which is ours here."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def run(serve_process: ServeProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("P4VPC_SERVER", serve_process.url)
    monkeypatch.setenv("P4VPC_TOKEN_FILE", str(serve_process.token_file))

    def run_command(*words: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["p4vpc", *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run_command


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own, as all share one controller."""
    return f"t{abs(hash(request.node.name)) % 10**9}"


def vpc_file(directory: Path, tenant: str, *more: str) -> Path:
    documents: list[dict[str, Any]] = [
        {"kind": "tenant", "name": tenant},
        {"kind": "vpc", "tenant": tenant, "name": "prod"},
        {"kind": "subnet", "tenant": tenant, "vpc": "prod", "name": "web", "ipv4": "10.0.1.0/24"},
    ]
    path = directory / "objects.yaml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False) + "".join(f"---\n{text}\n" for text in more))
    return path


def test_apply_get_diff_delete(run: Run, tmp_path: Path, tenant: str) -> None:
    path = str(vpc_file(tmp_path, tenant))
    planned = run("apply", "-f", path, "--dry-run")
    assert (planned.code, f"+ tenant {tenant}" in planned.out) == (0, True)
    assert run("diff", "-f", path).code == 1
    done = run("apply", "-f", path, "--wait")
    assert done.code == 0, done.err
    assert f"created vpc {tenant}/prod" in done.out
    assert "realised" in done.out
    same = run("diff", "-f", path)
    assert (same.code, same.out) == (0, "no difference\n")
    table = run("get", "subnets", "--tenant", tenant).out.splitlines()
    columns = ["SUBNET", "IPV4", "GATEWAY_V4", "IPV6", "GATEWAY_V6", "GATEWAY_MAC", "BROADCAST", "VLAN_TRANSPARENT"]
    assert table[0].split() == columns
    assert table[1].split() == [f"{tenant}/prod/web", "10.0.1.0/24"]
    refused = run("delete", "vpc", f"{tenant}/prod")
    assert refused.code == 1
    assert f"error: vpc {tenant}/prod: is still needed by subnet {tenant}/prod/web" in refused.err
    gone = run("delete", "-f", path)
    assert (gone.code, f"deleted tenant {tenant}" in gone.out) == (0, True)
    assert run("get", "tenant", tenant).code == 1


def test_yaml_and_json_go_round(run: Run, tmp_path: Path, tenant: str) -> None:
    run("apply", "-f", str(vpc_file(tmp_path, tenant)))
    everything = run("get", "all", "-o", "yaml")
    assert run("diff", "-f", "-", stdin=everything.out).out == "no difference\n"
    changed = everything.out.replace("10.0.1.0/24", "10.0.2.0/24")
    difference = run("diff", "-f", "-", stdin=changed)
    assert difference.code == 1
    assert '    ~ ipv4: "10.0.1.0/24" -> "10.0.2.0/24"' in difference.out
    assert json.loads(run("get", "vpc", f"{tenant}/prod", "-o", "json").out) == {
        "kind": "vpc",
        "tenant": tenant,
        "name": "prod",
    }
    assert isinstance(json.loads(run("get", "vpcs", "-o", "json").out), list)


def test_five_mistakes_in_two_files_are_all_printed_with_their_lines(run: Run, tmp_path: Path, tenant: str) -> None:
    first = vpc_file(tmp_path, tenant, "kind: tenat\nname: x", f"kind: vpc\ntenant: {tenant}\nname: Prod")
    second = tmp_path / "more.yaml"
    second.write_text(
        f"kind: port\ntenant: {tenant}\nvpc: prod\nname: a\nsubnet: wep\n"
        "mac: 02:00:00:00:00:0a\naddresses: [10.0.1.5]\n"
        f"---\nkind: subnet\ntenant: {tenant}\nvpc: prod\nname: web\nipv4: 10.0.9.0/24\n"
        f"---\nkind: route\ntenant: {tenant}\nvpc: prod\nname: out\nprefix: 0.0.0.0/0\nnext_hop: 10.9.9.9\n"
    )
    ended = run("apply", "-f", str(first), "-f", str(second))
    assert ended.code == 1
    lines = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 5, ended.err
    assert ended.err.splitlines()[-1] == "5 problems; nothing was changed"
    for number, text in (
        (0, f"error: {first}, document 4"),
        (1, f"error: {first}, document 5"),
        (2, f"error: {second}, document 2, line 9: subnet {tenant}/prod/web: defined twice, first in {first}"),
    ):
        assert lines[number].startswith(text)
    assert any(f"{second}, document 1" in line and "there is no subnet 'wep'" in line for line in lines)
    assert any(f"{second}, document 3" in line and "route" in line for line in lines)
    assert run("get", "tenant", tenant).code == 1


def test_mistakes_of_shape_are_printed_even_without_a_controller(run: Run, tmp_path: Path, tenant: str) -> None:
    path = vpc_file(tmp_path, tenant, "kind: tenat\nname: x")
    ended = run("apply", "-f", str(path), "--server", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 1
    assert "there is no kind 'tenat'" in ended.err
    assert "could not be checked against what exists" in ended.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("apply", "-f", "nowhere.yaml"), 1),
        (("get", "port", "a"), 1),
        (("get", "tenant", "nobody"), 1),
        (("drops", "--switch", "nope"), 1),
        (("counters", "--table", "nope"), 1),
        (("apply",), 2),
        (("get", "nonsense"), 2),
        (("delete",), 2),
        (("delete", "tenant"), 2),
        (("nonsense",), 2),
        (("status", "--wait", "--timeout", "-1"), 2),
        (("serve", "--listen", "9560"), 2),
        (("serve", "--listen", "0.0.0.0:0"), 1),
        (("serve", "--tls-cert", "x"), 2),
        (("serve", "--switch-cert", "x"), 2),
        (("serve", "--listen", "127.0.0.1:0", "--db", "sqlite://", "--tls-cert", "x", "--tls-key", "y"), 1),
        (("serve", "--listen", "127.0.0.1:0", "--db", "sqlite://", "--switch-ca", "x"), 1),
        (("serve", "--listen", "127.0.0.1:0", "--pipeline", "/nowhere", "--db", "sqlite://"), 1),
        (("serve", "--listen", "127.0.0.1:0", "--db", "nonsense"), 1),
        (("get", "port", "--server", "nonsense"), 3),
        (("get", "port", "--server", "http://127.0.0.1:1"), 3),
    ],
)
def test_exit_codes(run: Run, words: tuple[str, ...], code: int) -> None:
    ended = run(*words)
    assert ended.code == code, ended.err
    assert ended.err.strip()


def test_a_switch_that_is_not_there_is_4_with_wait_and_shown_in_the_status(run: Run) -> None:
    address = f"127.0.0.1:{free_port()}"
    switch = f"kind: switch\nname: absent\nrole: leaf\nvtep: 10.255.9.9\np4runtime: {address}\n"
    ended = run("apply", "-f", "-", "--wait", "--timeout", "0.1", stdin=switch)
    assert ended.code == 4
    assert "error: switch absent: disconnected" in ended.err
    assert run("status").code == 0
    waited = run("status", "--wait", "--timeout", "0.1")
    assert waited.code == 4
    assert [line.split()[:2] for line in waited.out.splitlines() if line.startswith("absent")] == [
        ["absent", "disconnected"]
    ]
    status = yaml.safe_load(run("status", "-o", "yaml").out)
    assert status["switches"][0]["address"] == address
    assert run("drops").err.startswith("! absent: switch absent is not connected")
    assert run("delete", "switch", "absent", "--wait").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_cleanly_and_keeps_what_was_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    process = ServeProcess(tmp_path)
    process.start()
    monkeypatch.setenv("P4VPC_TOKEN_FILE", str(process.token_file))
    command = [sys.executable, "-c", "from p4vpc.cli.main import main; main()", "apply", "-f", "-", "--server"]
    text = "kind: tenant\nname: red\n"
    subprocess.run([*command, process.url], input=text, text=True, check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert process.stop(number) == 0
    process.start()
    again = subprocess.run(
        [*command, process.url], input=text, text=True, check=True, timeout=60, stdout=subprocess.PIPE
    )
    assert again.stdout == "revision 1: 0 changes\n"
    assert process.stop(number) == 0
    lines = [json.loads(line) for line in process.log().splitlines()]
    assert lines[-1]["event"] == "stopped"
    assert all("switch" in line for line in lines)
    assert not any(line["level"] == "error" for line in lines)


def test_tokens_are_made_listed_and_revoked(run: Run, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply", "-f", "-", stdin=f"kind: tenant\nname: {tenant}\n---\nkind: tenant\nname: {tenant}x\n")
    made = run("token", "create", f"{tenant}-admin", "--role", "tenant-admin", "--tenant", tenant)
    secret = made.out.strip()
    assert (made.code, secret.startswith("p4vpc_")) == (0, True)
    own = run("get", "tenants", "--token", secret)
    assert (own.code, [line.split()[0] for line in own.out.splitlines()]) == (0, ["TENANT", tenant])
    refused = run("get", "switches", "--token", secret)
    assert (refused.code, f"is of tenant {tenant}" in refused.err) == (1, True)
    listed = run("token", "list").out
    assert [line.split()[1:3] for line in listed.splitlines() if line.startswith(f"{tenant}-admin")] == [
        ["tenant-admin", tenant]
    ]
    assert secret not in listed
    assert run("token", "revoke", f"{tenant}-admin").out == f"revoked {tenant}-admin\n"
    monkeypatch.setenv("P4VPC_TOKEN", secret)
    assert "has been revoked" in run("get", "tenants").err
    assert run("token", "create", "second", "--role", "operator", "--tenant", tenant).code == 1


def test_who_is_locked_out_makes_a_token_in_the_database(run: Run, serve_process: ServeProcess) -> None:
    secret = run("token", "create", "rescue", "--role", "operator", "--db", serve_process.database).out.strip()
    assert run("get", "tenants", "--token", secret).code == 0
    assert run("token", "revoke", "rescue").code == 0


def test_the_first_token_is_found_beside_the_database(
    run: Run, serve_process: ServeProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("P4VPC_TOKEN_FILE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(serve_process.token_file.parent)
    assert run("get", "tenants").code == 0
    monkeypatch.chdir(tmp_path)
    assert "no token was given" in run("get", "tenants").err
    monkeypatch.setenv("P4VPC_DB", serve_process.database)
    assert run("get", "tenants").code == 0


def test_a_configuration_file_names_server_and_token(
    run: Run, serve_process: ServeProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "p4vpc" / "config.yaml"
    config.parent.mkdir()
    config.write_text(f"server: {serve_process.url}\ntoken_file: {serve_process.token_file}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("P4VPC_TOKEN_FILE")
    monkeypatch.delenv("P4VPC_SERVER")
    assert run("get", "tenants").code == 0
    other = serve_process.url.replace("127.0.0.1", "localhost")
    assert "no token was given" in run("get", "tenants", "--server", other).err  # it is for that server only
    config.write_text("sever: x\n")
    assert "did you mean server?" in run("get", "tenants").err


def test_get_w_shows_what_changes_until_it_is_interrupted(run: Run, serve_process: ServeProcess, tenant: str) -> None:
    run("apply", "-f", "-", stdin=f"kind: tenant\nname: {tenant}\n")
    # Where these tests run as a background job, SIGINT is ignored, and children inherit that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heed}; from p4vpc.cli.main import main; main()"
    command = [sys.executable, "-c", program, "get", "tenants", "--tenant", tenant]
    watcher = subprocess.Popen(
        [*command, "-w", "-o", "json"], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert watcher.stdout is not None
    try:
        shown = [watcher.stdout.readline() for _ in range(6)]
        assert json.loads("".join(shown)) == [{"kind": "tenant", "name": tenant}]
        run("apply", "-f", "-", stdin=f"kind: tenant\nname: {tenant}\ndescription: d\n")
        event = json.loads(watcher.stdout.readline())
        assert (event["operation"], event["key"], event["after"]["description"]) == ("update", tenant, "d")
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(30) == 130  # as shells have it for SIGINT
    finally:
        watcher.kill()
        watcher.wait()
        watcher.stdout.close()


def test_audit_tells_who_did_what(run: Run, tenant: str) -> None:
    run("apply", "-f", "-", stdin=f"kind: tenant\nname: {tenant}\n")
    run("apply", "-f", "-", stdin=f"kind: tenant\nname: {tenant}\ndescription: d\n")
    lines = run("audit", "--tenant", tenant).out.splitlines()
    assert lines[0].split()[::3] == ["revision", "operator"]
    assert lines[1:3] == [f"  updated tenant {tenant}", '      + description: "d"']
    assert lines[4:] == [f"  created tenant {tenant}"]
    assert json.loads(run("audit", "--tenant", tenant, "--limit", "1", "-o", "json").out)[0]["who"] == "operator"
    assert run("audit", "--since", "yesterday").code == 1


PORT = "kind: port\nvpc: prod\nname: web-1\nsubnet: web\n"
LEAVES = "".join(
    f"---\nkind: switch\nname: far-{number}\nrole: leaf\nvtep: 10.255.8.{number}\np4runtime: 127.0.0.1:{number}\n"
    for number in (1, 2)
)


def test_what_a_port_gets_is_shown_before_and_after(run: Run, tmp_path: Path, tenant: str) -> None:
    path = str(vpc_file(tmp_path, tenant, f"{PORT}tenant: {tenant}"))
    planned = run("apply", "-f", path, "--dry-run").out
    lines = [line for line in planned.splitlines() if line.endswith("(allocated)")]
    assert [line.split()[1] for line in lines] == ["mac:", "addresses:"]
    address = lines[1].split('"')[1]
    done = run("apply", "-f", path).out
    assert f"created port {tenant}/prod/web-1 (" in done
    assert f", {address})" in done
    assert run("apply", "-f", path).out.splitlines()[-1].endswith(": 0 changes")
    assert run("diff", "-f", path).out == "no difference\n"
    assert json.loads(run("get", "port", f"{tenant}/prod/web-1", "-o", "json").out)["addresses"] == [address]


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_every_change_is_told_to_programs_too(run: Run, tmp_path: Path, tenant: str, output: str) -> None:
    load = json.loads if output == "json" else yaml.safe_load
    path = str(vpc_file(tmp_path, tenant))
    for words, operations in (
        (("diff", "-f", path), ["create"] * 3),
        (("apply", "-f", path, "--wait"), ["create"] * 3),
        (("diff", "-f", path), []),
        (("delete", "subnet", f"{tenant}/prod/web", "--dry-run"), ["delete"]),
        (("delete", "-f", path), ["delete"] * 3),
    ):
        answer = load(run(*words, "-o", output).out)
        assert [change["operation"] for change in answer["changes"]] == operations
    name = f"{tenant}-{output}"
    made = load(run("token", "create", name, "--role", "operator", "-o", output).out)
    assert made["secret"].startswith("p4vpc_")
    assert load(run("token", "revoke", name, "-o", output).out)["revoked"]
    audit = load(run("audit", "--kind", "token", "--key", name, "-o", output).out)
    assert [item["changes"][0]["operation"] for item in audit] == ["delete", "create"]


def test_describe_tells_all_of_an_object(run: Run, tmp_path: Path, tenant: str) -> None:
    run("apply", "-f", str(vpc_file(tmp_path, tenant, f"{PORT}tenant: {tenant}")))
    shown = run("describe", "subnet", f"{tenant}/prod/web").out
    for text in (
        "ipv4: 10.0.1.0/24",
        f"is still needed by port {tenant}/prod/web-1 (subnet)",
        f"subnet {tenant}/prod/web: ",
        "bridge_domain",
        f"created subnet {tenant}/prod/web",
    ):
        assert text in shown
    known = json.loads(run("describe", "vpcs", f"{tenant}/prod", "-o", "json").out)
    assert known.keys() == {"object", "status", "needed_by", "identifiers", "history"}
    assert [item["pool"] for item in known["identifiers"]] == ["vrf"]
    assert run("describe", "subnet", f"{tenant}/prod/nope").code == 1
    run("delete", "-f", str(vpc_file(tmp_path, tenant, f"{PORT}tenant: {tenant}")))


def test_migrate_moves_a_port_and_changes_places_with_a_candidate(run: Run, tmp_path: Path, tenant: str) -> None:
    port = f"{PORT}tenant: {tenant}\nattachment: {{switch: far-1, port: 11, vlan: 7}}\n"
    candidate = f"{port}candidates: [{{switch: far-2, port: 12}}]\n"
    path = vpc_file(tmp_path, tenant, candidate)
    path.write_text(path.read_text() + LEAVES)
    assert run("apply", "-f", str(path)).code == 0
    key = f"{tenant}/prod/web-1"

    def place() -> Any:
        found = json.loads(run("get", "port", key, "-o", "json").out)
        return found["attachment"], found["candidates"]

    planned = run("migrate", key, "--to", "far-2:12", "--dry-run")
    assert (planned.code, "~ attachment" in planned.out) == (0, True)
    waited = run("migrate", key, "--to", "far-2:12", "--timeout", "0.1")
    assert waited.code == 4, "the switches are not there"
    assert place() == ({"switch": "far-2", "port": 12}, [{"switch": "far-1", "port": 11, "vlan": 7}])
    assert run("migrate", key, "--to", "far-1:13", "--vlan", "9", "--no-wait").code == 0
    assert place()[0] == {"switch": "far-1", "port": 13, "vlan": 9}
    assert run("migrate", key, "--to", "far-1:14", "--no-wait").code == 0
    assert place()[0] == {"switch": "far-1", "port": 14}
    for words, code in (
        (("--to", "nowhere:1", "--no-wait"), 1),
        (("--to", "far-1"), 2),
        (("--to", "far-1:510"), 2),
        (("--to", "Far:1"), 2),
    ):
        assert run("migrate", key, *words).code == code
    run("delete", "-f", str(path))


def test_a_backup_is_made_while_the_controller_runs(run: Run, serve_process: ServeProcess, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = run("backup", str(copy), "--db", serve_process.database)
    assert (made.code, made.out.startswith(f"{copy}: revision ")) == (0, True)
    assert copy.stat().st_mode & 0o777 == 0o600
    for words in (
        (str(copy), "--db", serve_process.database),
        (str(tmp_path / "no" / "x.db"), "--db", serve_process.database),
        (str(tmp_path / "x.db"), "--db", f"sqlite:///{tmp_path / 'nothing.db'}"),
        (str(tmp_path / "x.db"), "--db", "postgresql://u:secret@h/d"),
        (str(tmp_path / "x.db"), "--db", "nonsense"),
        (str(tmp_path / "x.db"), "--db", f"sqlite:///{tmp_path / 'objects.txt'}"),
    ):
        (tmp_path / "objects.txt").write_text("no database at all, but long enough to look like one\n" * 100)
        ended = run("backup", *words)
        assert ended.code == 1
        assert "secret" not in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "objects.txt"]


def test_a_vpc_is_rolled_back_and_cloned(run: Run, tmp_path: Path, tenant: str) -> None:
    path = str(vpc_file(tmp_path, tenant, f"{PORT}tenant: {tenant}"))
    run("apply", "-f", path)
    vpc = f"{tenant}/prod"
    shown = run("snapshot", vpc).out
    revision = shown.split(" at revision ")[1].split(";")[0]
    assert shown.splitlines()[-1].endswith(f"p4vpc rollback {vpc} --to {revision}")
    saved = run("snapshot", vpc, "-o", "yaml").out
    assert run("diff", "-f", "-", stdin=saved).out == "no difference\n"
    run("delete", "port", f"{vpc}/web-1")
    assert run("diff", "-f", "-", stdin=saved).code == 1
    planned = run("rollback", vpc, "--to", revision, "--dry-run").out
    assert planned.splitlines()[0] == f"+ port {vpc}/web-1"
    assert run("rollback", vpc, "--to", revision, "--wait").code == 0
    assert run("snapshot", vpc, "-o", "yaml").out == saved
    assert run("clone", vpc, "copy", "--revision", revision).code == 0
    assert run("snapshot", f"{tenant}/copy", "-o", "yaml").out == saved.replace("vpc: prod", "vpc: copy").replace(
        "name: prod", "name: copy"
    )
    assert json.loads(run("snapshot", vpc, "--revision", revision, "-o", "json").out)["revision"] == int(revision)
    for words in (("snapshot", f"{tenant}/nope"), ("rollback", vpc, "--to", "0"), ("clone", vpc, "copy")):
        assert run(*words).code == 1
