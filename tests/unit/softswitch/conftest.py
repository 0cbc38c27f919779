# SPDX-License-Identifier: Apache-2.0
"""Compiled test programs and switches made of them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from softswitch.program import Program
from softswitch.runtime import Switch

PROGRAMS = Path(__file__).parent / "programs"


@cache
def load(name: str) -> Program:
    return Program.from_json((PROGRAMS / f"{name}.json").read_bytes())


class Clock:
    """A clock in microseconds that only a test moves."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_switch(clock: Clock) -> Callable[[str], Switch]:
    return lambda name: load(name).instantiate(now_us=clock)


@pytest.fixture(scope="session")
def load_program() -> Callable[[str], Program]:
    return load
