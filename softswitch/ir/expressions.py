# SPDX-License-Identifier: Apache-2.0
"""Values: constants, fields, operators, and what can be assigned to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Const:
    """An integer, maybe negative."""

    value: int


@dataclass(frozen=True, slots=True)
class BoolConst:
    """A truth value."""

    value: bool


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of a header instance known at compile time."""

    header: str
    field: str


@dataclass(frozen=True, slots=True)
class StackFieldRef:
    """A field of the stack element at an index known at run time; ``index`` None is the last extracted element."""

    stack: str
    index: Expr | None
    field: str


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of the enclosing action."""

    index: int
    width: int


@dataclass(frozen=True, slots=True)
class IsValid:
    """Validity of a header: of a fixed instance, or of a stack element at a run-time index."""

    header: HeaderRef


@dataclass(frozen=True, slots=True)
class Unary:
    """``op`` is one of ``not ~ - b2d d2b``."""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is an arithmetic, comparison or logic operator, or ``two_comp_mod``, ``usat_cast``, ``sat_cast``."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Ternary:
    """``condition ? when_true : when_false``."""

    condition: Expr
    when_true: Expr
    when_false: Expr


@dataclass(frozen=True, slots=True)
class HeadersEqual:
    """True if both headers are valid and all fields are equal."""

    left: str
    right: str


@dataclass(frozen=True, slots=True)
class StackSize:
    """Number of elements extracted into or pushed onto a stack; minus one if ``is_last_index``."""

    stack: str
    is_last_index: bool


@dataclass(frozen=True, slots=True)
class Lookahead:
    """Bits ahead of the parser's position."""

    offset: int
    width: int


@dataclass(frozen=True, slots=True)
class RegisterCell:
    """Value of a register cell inside an expression."""

    register: str
    index: Expr


Expr: TypeAlias = (
    Const
    | BoolConst
    | FieldRef
    | StackFieldRef
    | Param
    | IsValid
    | Unary
    | Binary
    | Ternary
    | HeadersEqual
    | StackSize
    | Lookahead
    | RegisterCell
)


@dataclass(frozen=True, slots=True)
class StackElement:
    """The header at a run-time index of a stack."""

    stack: str
    index: Expr


HeaderRef: TypeAlias = str | StackElement
Target: TypeAlias = FieldRef | StackFieldRef
