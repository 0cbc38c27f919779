# SPDX-License-Identifier: Apache-2.0
"""Frames that BMv2's simple_switch_grpc was seen to send for the same programs, reproduced bit by bit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from softswitch.program import Program

OBSERVED = json.loads((Path(__file__).parent / "programs" / "bmv2_observations.json").read_text())


@pytest.mark.parametrize("name", sorted(OBSERVED))
def test_same_as_bmv2(load_program: Callable[[str], Program], name: str) -> None:
    switch = load_program(name).instantiate()
    assert len(OBSERVED[name]) >= 40
    for observation in OBSERVED[name]:
        sent = switch.process(0, bytes.fromhex(observation["frame"]))
        assert sent == [(observation["port"], bytes.fromhex(observation["sent"]))], observation["frame"]
