# SPDX-License-Identifier: Apache-2.0
"""p4runtime-shell, a client that shares nothing with the server: other authors, other protobuf, sync gRPC."""

import asyncio
from pathlib import Path

import pytest

from .conftest import BOUND_SECONDS, DEVICE_ID, PROGRAMS

SHELL_PYTHON = Path(__file__).parents[3] / ".venv-shell/bin/python"

SCRIPT = """
import sys
import p4runtime_sh.shell as sh
from p4runtime_sh.p4runtime import P4RuntimeWriteException
from p4runtime_sh.shell import *

address, info, program = sys.argv[1:]
sh.setup(device_id=1, grpc_addr=address, election_id=(0, 5), config=sh.FwdPipeConfig(info, program))

def report(*words):
    print("=", *words)  # The shell prints lines of its own.


try:
    entry = TableEntry("acl")(action="allow")
    entry.match["src_mac"] = "02:00:00:00:00:00&&&ff:00:00:00:00:00"
    entry.match["ether_type"] = "0x800..0x86dd"
    entry.priority = 3
    entry.insert()
    found = []
    TableEntry("acl").read(lambda item: found.append(item))
    report("acl", len(found), found[0].priority)
    try:
        entry.insert()
    except P4RuntimeWriteException as error:
        report("again", "ALREADY_EXISTS" in str(error))
    entry.delete()
    TableEntry("acl").read(lambda item: report("still there", item))

    member = ActionProfileMember("ways")(member_id=1, action="send")
    member.action["port"] = "3"
    member.insert()
    group = ActionProfileGroup("ways")(group_id=1)
    group.add(1, 2)
    group.insert()
    route = TableEntry("ecmp")(group_id=1)
    route.match["ingress_port"] = "1"
    route.insert()
    ActionProfileGroup("ways")(group_id=1).read(lambda item: report("group", item.members[0].weight))
    TableEntry("ecmp").read(lambda item: report("ecmp", item.group_id))

    MulticastGroupEntry(1).add(1).add(2).insert()
    MulticastGroupEntry(0).read(lambda item: report("multicast", [replica.egress_port for replica in item.replicas]))
    CloneSessionEntry(7).add(510).insert()
    CloneSessionEntry(0).read(lambda item: report("clone", [replica.egress_port for replica in item.replicas]))

    counter = CounterEntry("port_counter")
    counter.index = 3
    counter.packet_count = 12
    counter.modify()
    CounterEntry("port_counter").read(lambda item: item.index == 3 and report("counter", item.packet_count))
    report("done")
finally:
    sh.teardown()
"""


@pytest.mark.skipif(not SHELL_PYTHON.exists(), reason="p4runtime-shell is not installed (make shell makes .venv-shell)")
async def test_the_shell_programs_everything_that_it_knows(softswitch, tmp_path):
    script = tmp_path / "session.py"
    script.write_text(SCRIPT)
    assert DEVICE_ID == 1
    process = await asyncio.create_subprocess_exec(
        SHELL_PYTHON, script, softswitch.address,
        PROGRAMS / "everything.p4info.txtpb", PROGRAMS / "everything.json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(2 * BOUND_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode()
    assert [line[2:] for line in output.decode().splitlines() if line.startswith("= ")] == [
        "acl 1 3", "again True", "group 2", "ecmp 1", "multicast [1, 2]", "clone [510]", "counter 12", "done",
    ]  # fmt: skip
