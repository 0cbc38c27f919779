# SPDX-License-Identifier: Apache-2.0
"""The pipeline's sources, artefacts and contract, as plain Python values for the tests beside this file."""

import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from finsy.proto import p4i
from google.protobuf import text_format

ROOT = Path(__file__).resolve().parents[3]
P4SRC = ROOT / "p4src"
ARCHITECTURES = ("v1model", "tna")

Field = tuple[str, int, str]
Params = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Table:
    """One table of the contract: key as (name, bits, match kind), and the parameters of each action."""

    key: tuple[Field, ...]
    actions: dict[str, Params]


def load_p4info(architecture: str) -> p4i.P4Info:
    """The checked-in P4Info of an architecture."""
    path = P4SRC / "build" / architecture / "p4info.txtpb"
    if not path.exists():
        pytest.skip(f"{path.relative_to(ROOT)} is not there: the pipeline was built without that compiler")
    return text_format.Parse(path.read_text(), p4i.P4Info())


def load_script(name: str) -> ModuleType:
    """A script of p4src, which is no package; it finds its neighbours as it does when it is run."""
    spec = importlib.util.spec_from_file_location(f"p4src_{name}", P4SRC / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks up its annotations
    sys.path.insert(0, str(P4SRC))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(P4SRC))
    return module


def tables_of(info: p4i.P4Info) -> dict[str, Table]:
    """Tables in the contract's terms; actions that only a miss can run are left out."""
    actions = {
        item.preamble.id: (item.preamble.name, tuple((param.name, param.bitwidth) for param in item.params))
        for item in info.actions
    }
    return {
        table.preamble.name: Table(
            tuple(
                (field.name, field.bitwidth, p4i.MatchField.MatchType.Name(field.match_type).lower())
                for field in table.match_fields
            ),
            dict(actions[ref.id] for ref in table.action_refs if ref.scope != p4i.ActionRef.DEFAULT_ONLY),
        )
        for table in info.tables
    }


def tables_of_contract() -> dict[str, Table]:
    """The table of contract 1 in docs/architecture.md, read row by row."""
    contract = (ROOT / "docs/architecture.md").read_text().split("## Contract 1")[1].split("## Contract 2")[0]
    known: dict[str, Params] = {}
    tables = {}
    for row in re.findall(r"^\| (`.+) \|$", contract, re.MULTILINE):
        name, key, actions, _ = (cell.strip() for cell in row.split(" | "))
        for action, params in re.findall(r"`(\w+)\(([^)]*)\)`", actions):
            known[action] = tuple((param, int(bits)) for param, bits in re.findall(r"(\w+) (\d+)", params))
        used = re.findall(r"`(\w+)[(`]", actions.partition(" through ")[0])
        tables[name.split("`")[1]] = Table(_contract_key(key), {action: known[action] for action in used})
    return tables


def _contract_key(text: str) -> tuple[Field, ...]:
    """`a 9 exact, b 12 exact` or, the kind said once for all fields, `a 16, b 48, all exact`."""
    text = re.sub(r"\([^)]*\)", "", text)
    common = re.search(r", all (\w+)$", text)
    fields = re.findall(r"(\w+) (\d+)(?: (exact|lpm|ternary|range))?", text)
    return tuple((name, int(bits), kind or (common[1] if common else "")) for name, bits, kind in fields)
