# SPDX-License-Identifier: Apache-2.0
"""Programs that cannot be run are refused with every reason by name, whatever is wrong with the JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.errors import InvalidProgramError, ProgramError, UnsupportedProgramError
from softswitch.program import Program

PROGRAMS = Path(__file__).parent / "programs"
NAMES = ("arithmetic", "copies", "externs", "locals", "passthrough", "stacks", "tables")


def raw(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PROGRAMS / f"{name}.json").read_text())
    return content


def test_all_that_is_unsupported_is_named_at_once() -> None:
    with pytest.raises(UnsupportedProgramError) as caught:
        Program.from_json((PROGRAMS / "varbit.json").read_bytes())
    text = "\n".join(caught.value.problems)
    for feature in ("header with a varbit field", "header union", "parser operation extract_VL"):
        assert feature in text
    assert len(caught.value.problems) >= 3


def test_unsupported_primitive_and_algorithm() -> None:
    program = raw("externs")
    program["actions"][0]["primitives"] = [{"op": "encrypt", "parameters": []}]
    program["calculations"][0]["algo"] = "sha3"
    program["extern_instances"] = [{"name": "box", "id": 0, "type": "Cipher", "attribute_values": []}]
    with pytest.raises(UnsupportedProgramError) as caught:
        Program.from_json(json.dumps(program))
    text = str(caught.value)
    assert "primitive encrypt" in text
    assert "hash algorithm sha3" in text
    assert "extern instance of type Cipher" in text


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"pipelines": 3}', '{"pipelines": []}', b"\xff\xfe"])
def test_not_a_program(text: str | bytes) -> None:
    with pytest.raises(InvalidProgramError):
        Program.from_json(text)


def test_other_major_version() -> None:
    program = raw("tables")
    program["__meta__"]["version"] = [3, 0]
    with pytest.raises(InvalidProgramError, match=r"program\.__meta__\.version: expected BMv2 JSON version 2"):
        Program.from_json(json.dumps(program))


def test_dangling_name_is_found_with_its_path() -> None:
    program = raw("tables")
    table = program["pipelines"][0]["tables"][0]
    table["key"] = [{"match_type": "exact", "target": ["nowhere", "a"], "mask": None}]
    with pytest.raises(InvalidProgramError, match=r"tables\[.*\]\.key\[0\]\.target: expected a field of a header"):
        Program.from_json(json.dumps(program))


def test_entries_that_contradict_their_table() -> None:
    program = raw("tables")
    (table,) = [table for table in program["pipelines"][0]["tables"] if table["name"] == "TheIngress.fixed"]
    table["entries"].append(table["entries"][0])
    with pytest.raises(InvalidProgramError, match="there is an entry"):
        Program.from_json(json.dumps(program))


def mutate(data: st.DataObject, node: Any) -> None:
    """Walk down at random, then delete, replace or duplicate something."""
    while True:
        children = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(children))
        child = node[key]
        if isinstance(child, dict | list) and child and data.draw(st.integers(0, 9)):
            node = child
            continue
        if data.draw(st.booleans()):
            del node[key]
        else:
            junk = st.sampled_from([None, -1, 0, 7, 1 << 40, True, "", "x", "0x1", [], {}, [1], {"type": "field"}])
            node[key] = data.draw(junk)
        return


@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(NAMES), frame=st.binary(max_size=60))
def test_damaged_program_is_refused_or_runs(data: st.DataObject, name: str, frame: bytes) -> None:
    program = raw(name)
    mutate(data, program)
    try:
        switch = Program.from_json(json.dumps(program)).instantiate()
    except ProgramError as error:
        assert error.problems
    else:
        switch.process(0, frame)
        assert switch.faults == 0


def test_source_is_readable_python(load_program: Callable[[str], Program]) -> None:
    program = load_program("passthrough")
    compile(program.source, "passthrough", "exec")
    assert "ethernet_ether_type == 0x800" in program.source
    assert max(len(line) - len(line.lstrip()) for line in program.source.splitlines()) < 60


def test_unread_fields_are_left_out(load_program: Callable[[str], Program]) -> None:
    source = load_program("passthrough").source
    assert "tcp_window" not in source
    assert "ipv4_src_addr" not in source
