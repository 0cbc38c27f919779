# SPDX-License-Identifier: Apache-2.0
import re

from p4vpc.compiler.drop_reasons import DropReason

from .pipeline_files import P4SRC, ROOT

SOURCE = (P4SRC / "common/drop_reasons.p4").read_text()
CONSTANTS = [(name, int(number)) for name, number in re.findall(r"const drop_reason_t DROP_(\w+) += (\d+);", SOURCE)]


def test_numbers_are_given_once_and_in_their_order() -> None:
    numbers = [number for _, number in CONSTANTS]
    assert numbers[0] == 0
    assert numbers == sorted(set(numbers))
    assert len({name for name, _ in CONSTANTS}) == len(CONSTANTS)


def test_controller_knows_the_same_reasons() -> None:
    assert {reason.name: reason.value for reason in DropReason} == dict(CONSTANTS[1:])


def test_contract_lists_the_same_reasons() -> None:
    contract = (ROOT / "docs/architecture.md").read_text()
    paragraph = re.search(r"never renumbered;(.*?)\n- ", contract, re.DOTALL)
    assert paragraph is not None
    listed = {name.upper(): int(number) for number, name in re.findall(r"\b(\d+) ([a-z][a-z0-9_]+)", paragraph[1])}
    assert listed == dict(CONSTANTS[1:])


def test_every_reason_is_used_by_a_stage() -> None:
    stages = "".join(path.read_text() for path in (P4SRC / "common").glob("*.p4") if path.name != "drop_reasons.p4")
    assert [name for name, _ in CONSTANTS if not re.search(rf"\bDROP_{name}\b", stages)] == []
