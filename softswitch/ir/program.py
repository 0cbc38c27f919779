# SPDX-License-Identifier: Apache-2.0
"""A whole program, and the objects that it declares beside parser and pipelines."""

from __future__ import annotations

from dataclasses import dataclass

from softswitch.ir.expressions import Const, Expr, FieldRef, IsValid
from softswitch.ir.headers import Header, Stack
from softswitch.ir.parser import ParserState
from softswitch.ir.pipelines import Action, Pipeline
from softswitch.ir.statements import Statement


@dataclass(frozen=True, slots=True)
class CalculationInput:
    """One input of a hash or checksum: an expression of a width, a whole header, or (neither) the payload."""

    value: FieldRef | Const | None = None
    width: int = 0
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Calculation:
    """A named hash or checksum input with its algorithm."""

    name: str
    algorithm: str
    inputs: tuple[CalculationInput, ...]


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum field that is verified after parsing or updated before deparsing."""

    name: str
    target: FieldRef
    calculation: str
    condition: Expr | None
    is_verified: bool
    is_updated: bool


@dataclass(frozen=True, slots=True)
class FieldList:
    """Fields that survive cloning, resubmission or recirculation, or that make up a digest."""

    list_id: int
    name: str
    fields: tuple[FieldRef | Const | IsValid, ...]


@dataclass(frozen=True, slots=True)
class ProfileInfo:
    """An action profile; ``selector`` is the calculation that chooses a group's member."""

    name: str
    max_size: int
    selector: Calculation | None


@dataclass(frozen=True, slots=True)
class MeterInfo:
    """A meter array, or the direct meter of ``table`` that writes the colour to ``target``."""

    name: str
    size: int
    unit: str
    table: str | None
    target: FieldRef | None


@dataclass(frozen=True)
class ProgramIr:
    """A whole program."""

    headers: dict[str, Header]
    stacks: dict[str, Stack]
    errors: dict[str, int]
    intrinsics: dict[str, FieldRef]
    parser_start: str | None
    states: dict[str, ParserState]
    value_sets: dict[str, int]
    actions: dict[int, Action]
    ingress: Pipeline
    egress: Pipeline
    profiles: dict[str, ProfileInfo]
    calculations: dict[str, Calculation]
    checksums: tuple[Checksum, ...]
    deparse_order: tuple[str, ...]
    deparse_ops: tuple[Statement, ...]
    field_lists: dict[int, FieldList]
    digests: dict[int, FieldList]
    counters: dict[str, int]
    meters: dict[str, MeterInfo]
    registers: dict[str, tuple[int, int]]
