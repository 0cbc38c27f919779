# SPDX-License-Identifier: Apache-2.0
"""A compiled pipeline program: BMv2 JSON in, switches out."""

from __future__ import annotations

import linecache
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from types import CodeType
from typing import Any

from softswitch import ir
from softswitch.codegen import generate
from softswitch.coverage import Coverage
from softswitch.errors import InvalidProgramError, StateError, UnsupportedProgramError
from softswitch.reader import read_program
from softswitch.runtime.entries import ActionInfo
from softswitch.runtime.externs import Counter, Digest, Meter, Register, ValueSet
from softswitch.runtime.hashes import ALGORITHMS
from softswitch.runtime.profile import ActionProfile
from softswitch.runtime.switch import PacketPath, Switch
from softswitch.runtime.table import Table
from softswitch.runtime.trace import Recorder

_numbers = count(1)


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


@dataclass(frozen=True)
class Program:
    """An immutable v1model program; any number of switches can be made from it.

    :ivar ir: the typed program.
    :ivar source: the generated Python, for reading.
    :ivar codes: the number of each action, by which generated code tells them apart.
    """

    ir: ir.ProgramIr
    source: str
    codes: Mapping[str, int] = field(repr=False)
    _code: CodeType = field(repr=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Program:
        """Compile what ``p4c-bm2-ss`` wrote.

        :raises InvalidProgramError: malformed, or it contradicts itself.
        :raises UnsupportedProgramError: names everything that the engine does not do.
        """
        program = read_program(text)
        codes = _action_codes(program)
        source = generate(program, codes, is_traced=False)
        compiled = cls(program, source, codes, _compile(source, "path"))
        compiled.instantiate()  # refuses entries of the program that do not fit its own tables
        return compiled

    @cached_property
    def traced_source(self) -> str:
        """The generated Python of the variant that tells what it does."""
        return generate(self.ir, self.codes, is_traced=True)

    @cached_property
    def _traced_code(self) -> CodeType:
        return _compile(self.traced_source, "trace")

    def instantiate(
        self,
        *,
        cpu_port: int = 510,
        drop_port: int = 511,
        now_us: Callable[[], int] = _monotonic_us,
        seed: int = 0,
        coverage: Coverage | None = None,
    ) -> Switch:
        """Make a switch with the program's constant entries and otherwise empty tables.

        ``now_us`` is the clock behind timestamps and meters, ``seed`` that of ``random()``. With
        ``coverage`` every packet runs the traced code, several times slower, and is counted there.

        :raises InvalidProgramError: an entry that the program declares does not fit its table.
        """
        start_us = now_us()

        def clock() -> int:
            return now_us() - start_us

        program = self.ir
        down_ports: set[int] = set()
        profiles = _make_profiles(self, down_ports)
        switch = Switch(
            tables={table.name: _make_table(table, self, profiles) for table in _tables(program)},
            action_profiles=profiles,
            counters={name: Counter(name, size) for name, size in program.counters.items()},
            meters={
                name: Meter(name, meter.size, meter.unit, clock)
                for name, meter in program.meters.items()
                if meter.table is None
            },
            registers={name: Register(name, size, width) for name, (size, width) in program.registers.items()},
            value_sets={name: ValueSet(name, width, 0) for name, width in program.value_sets.items()},
            down_ports=down_ports,
            cpu_port=cpu_port,
            drop_port=drop_port,
            now_us=clock,
        )
        env = _Environment(self, switch, random.Random(seed))
        if coverage is not None:
            coverage.include(program)
        code = self._code if coverage is None else self._traced_code
        switch.bind(_bind(code, env, coverage), lambda trace: _bind(self._traced_code, env, trace))
        return switch


class _Environment:
    """What generated code binds: the state of one switch under the names that the generator uses."""

    def __init__(self, program: Program, switch: Switch, generator: random.Random) -> None:
        self.tables = switch.tables
        self.counters = switch.counters
        self.meters = switch.meters
        self.registers = switch.registers
        self.value_sets = switch.value_sets
        self.multicast = switch.multicast
        self.clone_sessions = switch.clone_sessions
        self.drop_port = switch.drop_port
        self.now_us = switch.now_us
        self.random_between = generator.randint
        self.action_names = {code: name for name, code in program.codes.items()}
        calculations = dict(program.ir.calculations)
        for profile in program.ir.profiles.values():
            if profile.selector is not None:
                calculations[profile.name] = profile.selector
        self.hashes = {name: ALGORITHMS[item.algorithm]() for name, item in calculations.items()}
        self._switch = switch

    def send_digest(self, name: str, values: tuple[int, ...]) -> None:
        if self._switch.on_digest is not None:
            self._switch.on_digest(Digest(name, values))

    def log(self, message: str) -> None:
        if self._switch.on_log is not None:
            self._switch.on_log(message)


def _compile(source: str, variant: str) -> CodeType:
    """Compile generated source under a name by which tracebacks and profiles find its lines."""
    name = f"<softswitch {variant} {next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        return compile(source, name, "exec")
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise UnsupportedProgramError([f"the program is too large or too deeply nested for Python: {error}"]) from None


def _bind(code: CodeType, env: _Environment, trace: Recorder | None) -> PacketPath:
    names: dict[str, Any] = {}
    exec(code, names)
    process: PacketPath = names["bind"](env, trace)
    return process


def _action_codes(program: ir.ProgramIr) -> dict[str, int]:
    names = sorted({action.name for action in program.actions.values()})
    return {name: code for code, name in enumerate(names)}


def _tables(program: ir.ProgramIr) -> list[ir.TableNode]:
    nodes = (*program.ingress.nodes, *program.egress.nodes)
    return [node for node in nodes if isinstance(node, ir.TableNode)]


def _infos(program: Program, action_ids: tuple[int, ...]) -> dict[str, ActionInfo]:
    actions = [program.ir.actions[number] for number in action_ids]
    return {action.name: ActionInfo(action.name, action.params, program.codes[action.name]) for action in actions}


def _make_profiles(program: Program, down_ports: set[int]) -> dict[str, ActionProfile]:
    profiles: dict[str, ActionProfile] = {}
    for name, info in program.ir.profiles.items():
        infos: dict[str, ActionInfo] = {}
        for table in _tables(program.ir):
            if table.profile == name:
                infos.update(_infos(program, table.actions))
        profiles[name] = ActionProfile(
            name, info.max_size, infos, has_selector=info.selector is not None, down_ports=down_ports
        )
    return profiles


def _make_table(node: ir.TableNode, program: Program, profiles: dict[str, ActionProfile]) -> Table:
    table = Table(
        node.name,
        tuple(key.field for key in node.key),
        _infos(program, node.actions),
        node.max_size,
        default_action=node.default,
        has_const_default=node.has_const_default,
        profile=profiles[node.profile] if node.profile else None,
        has_counter=node.has_counter,
        meter_name=node.meter,
        has_idle_timeout=node.has_idle_timeout,
    )
    try:
        for entry in node.entries:
            table.load(entry.key, entry.action, entry.priority, is_const=True)
    except StateError as error:
        raise InvalidProgramError([str(error)]) from None
    return table
