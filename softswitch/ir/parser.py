# SPDX-License-Identifier: Apache-2.0
"""Parser states and their transitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from softswitch.ir.expressions import Expr
from softswitch.ir.statements import Statement


@dataclass(frozen=True, slots=True)
class Extract:
    """Take a header from the packet; into the next element where the name is a stack's."""

    header: str
    is_stack: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """Skip a number of bits, which must be whole bytes at run time."""

    bits: Expr


@dataclass(frozen=True, slots=True)
class Verify:
    """Stop parsing with an error code unless the condition holds."""

    condition: Expr
    error: Expr


ParserOp: TypeAlias = Extract | Advance | Verify | Statement


@dataclass(frozen=True, slots=True)
class Transition:
    """One case of a select. ``value_set`` or ``values`` with ``masks`` per key field; neither is the default."""

    next_state: str | None
    values: tuple[int, ...] = ()
    masks: tuple[int, ...] | None = None
    value_set: str | None = None


@dataclass(frozen=True, slots=True)
class ParserState:
    """A parser state; ``key`` are the select expressions with their widths; ``default`` None accepts."""

    name: str
    ops: tuple[ParserOp, ...]
    key: tuple[tuple[Expr, int], ...]
    transitions: tuple[Transition, ...]
    default: str | None
