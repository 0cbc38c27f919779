# SPDX-License-Identifier: Apache-2.0
"""The typed form of a v1model program, between the BMv2 JSON and the generated code.

Everything here is immutable, checked, and free of JSON: names are resolved, widths are known, ``hexstr`` are ints,
field aliases are replaced by what they stand for, and jumps inside actions are indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from softswitch.runtime.entries import ActionCall, KeyField, MatchValue

STANDARD_METADATA = "standard_metadata"

# -- headers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A field of a header type; ``offset`` counts bits from the header's start."""

    name: str
    width: int
    offset: int
    is_signed: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """A header or metadata instance. ``width`` is the sum of its fields in bits."""

    name: str
    type_name: str
    fields: tuple[HeaderField, ...]
    is_metadata: bool
    stack: str | None = None

    @property
    def width(self) -> int:
        """Bits on the wire."""
        return sum(field.width for field in self.fields)

    def field(self, name: str) -> HeaderField | None:
        """Return the field of that name, None where there is none."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Stack:
    """A header stack: the names of its elements in order."""

    name: str
    elements: tuple[str, ...]


# -- expressions ------------------------------------------------------------------------------------------------


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

# -- statements -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assign:
    """Write a field; the value is cut to its width."""

    target: Target
    value: Expr


@dataclass(frozen=True, slots=True)
class SetValidity:
    """Make a header valid (all fields zero if it was not) or invalid."""

    header: HeaderRef
    is_valid: bool


@dataclass(frozen=True, slots=True)
class CopyHeader:
    """Assign one header to another of the same type, validity included."""

    target: str
    source: str


@dataclass(frozen=True, slots=True)
class CopyStack:
    """Assign a whole stack."""

    target: str
    source: str


@dataclass(frozen=True, slots=True)
class ShiftStack:
    """``push_front(count)`` for a positive count, ``pop_front(-count)`` for a negative one."""

    stack: str
    count: int


@dataclass(frozen=True, slots=True)
class MarkToDrop:
    """Set egress_spec to the drop port and the multicast group to 0."""


@dataclass(frozen=True, slots=True)
class Hash:
    """``target = base + hash(calculation) % size``; a size of 0 counts as 1."""

    target: Target
    calculation: str
    base: Expr
    size: Expr


@dataclass(frozen=True, slots=True)
class Random:
    """A uniform random number within ``low..high``; nothing happens when low is above high."""

    target: Target
    low: Expr
    high: Expr


@dataclass(frozen=True, slots=True)
class Count:
    """Count the packet in a cell of a counter array."""

    counter: str
    index: Expr


@dataclass(frozen=True, slots=True)
class ExecuteMeter:
    """Store the packet's colour by a cell of a meter array."""

    meter: str
    index: Expr
    target: Target


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """Load a register cell; an index beyond the array leaves the target alone."""

    target: Target
    register: str
    index: Expr


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """Store into a register cell; an index beyond the array does nothing."""

    register: str
    index: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class SendDigest:
    """Send a digest message at the end of ingress."""

    digest_id: Expr


@dataclass(frozen=True, slots=True)
class Clone:
    """Clone the packet at the end of this pipeline, keeping the fields of a field list."""

    session: Expr
    field_list: Expr


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Send the original packet through ingress again, keeping the fields of a field list."""

    field_list: Expr


@dataclass(frozen=True, slots=True)
class Recirculate:
    """Send the deparsed packet through ingress again, keeping the fields of a field list."""

    field_list: Expr


@dataclass(frozen=True, slots=True)
class Truncate:
    """Cut what is sent to a length in bytes."""

    length: Expr


@dataclass(frozen=True, slots=True)
class Exit:
    """Leave the pipeline after this action."""


@dataclass(frozen=True, slots=True)
class Log:
    """Write a log message; each ``{}`` takes a value."""

    message: str
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Assert:
    """Log when a condition does not hold (BMv2 aborts the process)."""

    condition: Expr
    text: str


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on with the statement at an index, unconditionally or only if ``unless`` is zero."""

    destination: int
    unless: Expr | None = None


Statement: TypeAlias = (
    Assign
    | SetValidity
    | CopyHeader
    | CopyStack
    | ShiftStack
    | MarkToDrop
    | Hash
    | Random
    | Count
    | ExecuteMeter
    | ReadRegister
    | WriteRegister
    | SendDigest
    | Clone
    | Resubmit
    | Recirculate
    | Truncate
    | Exit
    | Log
    | Assert
    | Jump
)

# -- parser -----------------------------------------------------------------------------------------------------


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


# -- pipelines --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Action:
    """An action; several may share a control-plane name when the compiler made one copy per table."""

    action_id: int
    name: str
    params: tuple[tuple[str, int], ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class TableKey:
    """A key field with the expression that is looked up (an invalid header's field counts as 0)."""

    field: KeyField
    value: FieldRef | IsValid
    mask: int | None


@dataclass(frozen=True, slots=True)
class ConstEntry:
    """An entry that the program declares."""

    key: tuple[MatchValue, ...]
    action: ActionCall
    priority: int


@dataclass(frozen=True, slots=True)
class TableNode:
    """A table and where the pipeline goes on after it.

    ``next_by_action`` maps action names; ``next_hit`` and ``next_miss`` are used instead where ``splits_on_hit``.
    """

    name: str
    key: tuple[TableKey, ...]
    actions: tuple[int, ...]
    max_size: int
    profile: str | None
    has_counter: bool
    meter: str | None
    has_idle_timeout: bool
    default: ActionCall | None
    has_const_default: bool
    entries: tuple[ConstEntry, ...]
    splits_on_hit: bool
    next_hit: str | None
    next_miss: str | None
    next_by_action: tuple[tuple[str, str | None], ...]
    next_default: str | None


@dataclass(frozen=True, slots=True)
class ConditionNode:
    """An ``if``."""

    name: str
    condition: Expr
    text: str
    next_true: str | None
    next_false: str | None


@dataclass(frozen=True, slots=True)
class ActionNode:
    """A direct call of an action without parameters."""

    name: str
    action_id: int
    next: str | None


Node: TypeAlias = TableNode | ConditionNode | ActionNode


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Ingress or egress."""

    name: str
    start: str | None
    nodes: tuple[Node, ...]


def used_actions(pipeline: Pipeline) -> set[int]:
    """Return the ids of the actions that a pipeline may run."""
    used: set[int] = set()
    for node in pipeline.nodes:
        if isinstance(node, TableNode):
            used.update(node.actions)
        elif isinstance(node, ActionNode):
            used.add(node.action_id)
    return used


# -- the rest ---------------------------------------------------------------------------------------------------


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
