# SPDX-License-Identifier: Apache-2.0
"""What the responder and the rest of the repository must agree on."""

import re
from pathlib import Path

import p4vpc.services.responder
from p4vpc.compiler.drop_reasons import ANSWERED, DropReason
from p4vpc.services.responder import Reason
from tests.unit.test_import_rules import TOUCHES_THE_WORLD, imports

PACKAGE = Path(p4vpc.services.responder.__file__).parent
ARCHITECTURE = Path(__file__).parents[5] / "docs" / "architecture.md"
TASK = {"service.py", "latest.py", "__init__.py"}


def test_reasons_have_the_numbers_of_the_contract() -> None:
    text = ARCHITECTURE.read_text()
    listed = text[text.index("Drop reasons are numbered") :].partition("\n- CPU port")[0]
    numbers = {name: int(number) for number, name in re.findall(r"\b(\d+) ([a-z][a-z_0-9]+)", listed)}
    for reason in Reason:
        assert numbers[reason.name.lower()] == reason.value


def test_the_pipeline_hands_up_what_is_answered() -> None:
    assert {reason.value for reason in ANSWERED} == {reason.value for reason in Reason}
    assert all(DropReason(reason.value).name == reason.name for reason in Reason)


def test_the_core_touches_nothing_of_the_world() -> None:
    core = [path for path in PACKAGE.glob("*.py") if path.name not in TASK]
    assert len(core) > 10
    for path in core:
        touched = {module.partition(".")[0] for module, _ in imports(path)} & TOUCHES_THE_WORLD
        assert not touched, f"{path.name} imports {touched}"
