# SPDX-License-Identifier: Apache-2.0
"""Expressions to Python, with the range of their values so that needless masks are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softswitch import ir
from softswitch.codegen.storage import Storage

MAX_PLAIN_SHIFT = 512
BOOLEAN_OPS = frozenset({"==", "!=", "<", "<=", ">", ">=", "and", "or"})


@dataclass(frozen=True, slots=True)
class Value:
    """Python text of an integer that lies within ``low..high`` (None: no bound known)."""

    text: str
    low: int | None = 0
    high: int | None = None

    def fits(self, width: int) -> bool:
        """True if the value is an unsigned number of that many bits for sure."""
        return self.low is not None and self.low >= 0 and self.high is not None and self.high < 1 << width

    @property
    def constant(self) -> int | None:
        """The value if it is known now."""
        return self.low if self.low is not None and self.low == self.high else None


def constant(value: int) -> Value:
    """Return an integer literal."""
    shown = hex(value) if abs(value) > 9 else str(value)
    return Value(shown if value >= 0 else f"({shown})", value, value)


def _is_mask(value: int) -> bool:
    return value >= 0 and not value & (value + 1)


class Expressions:
    """Renders expressions inside one function; ``params`` are the variables of the action's parameters."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.params: Sequence[str] = ()
        self.lookahead: Callable[[ir.Lookahead], str] | None = None

    # -- integers -----------------------------------------------------------------------------------------------

    def value(self, expr: ir.Expr) -> Value:
        """Render an expression as an integer."""
        match expr:
            case ir.Const(number):
                return constant(number)
            case ir.FieldRef(header, field):
                return self._field(header, field)
            case ir.StackFieldRef():
                return self._stack_field(expr)
            case ir.Param(index, width):
                return Value(self.params[index], 0, (1 << width) - 1)
            case ir.Unary(op, operand):
                return self._unary(op, operand)
            case ir.Binary(op) if op not in BOOLEAN_OPS:
                return self._binary(expr)
            case ir.Ternary(condition, when_true, when_false) if not self.is_boolean(when_true):
                left, right = self.value(when_true), self.value(when_false)
                low = None if left.low is None or right.low is None else min(left.low, right.low)
                high = None if left.high is None or right.high is None else max(left.high, right.high)
                return Value(f"({left.text} if {self.condition(condition)} else {right.text})", low, high)
            case ir.StackSize(stack, is_last_index):
                name = self.storage.read(self.storage.stack_next[stack])
                depth = len(self.storage.program.stacks[stack].elements)
                return Value(f"({name} - 1)", -1, depth - 1) if is_last_index else Value(name, 0, depth)
            case ir.Lookahead():
                text = self.lookahead(expr) if self.lookahead else "0"
                return Value(text, 0, (1 << expr.width) - 1)
            case ir.RegisterCell(register, index):
                width = self.storage.program.registers[register][1]
                cells = self.storage.register_cells(register)
                return Value(f"pick({cells}, {self.value(index).text})", 0, (1 << width) - 1)
            case ir.IsValid(str(header)):
                variables = self.storage.headers[header]
                return Value(self.storage.read(variables.valid), 0, 1) if variables.valid else constant(1)
            case _:
                return Value(f"(1 if {self.condition(expr)} else 0)", 0, 1)

    def masked(self, expr: ir.Expr, width: int, *, is_signed: bool = False) -> str:
        """Render an expression cut to the width of where it is stored."""
        return self.cut(self.value(expr), width, is_signed=is_signed)

    @staticmethod
    def cut(value: Value, width: int, *, is_signed: bool = False) -> str:
        """Return the text of a value cut to a width."""
        mask = (1 << width) - 1
        if is_signed:
            half = 1 << (width - 1)
            if value.low is not None and value.high is not None and -half <= value.low and value.high < half:
                return value.text
            return f"(({value.text} + {half:#x} & {mask:#x}) - {half:#x})"
        if value.fits(width):
            return value.text
        if value.constant is not None:
            return constant(value.constant & mask).text
        return f"({value.text} & {mask:#x})"

    def _field(self, header: str, field: str) -> Value:
        info = self.storage.info(ir.FieldRef(header, field))
        name = self.storage.field(header, field)
        if name is None or info.width == 0:
            return constant(0)
        if info.is_signed:
            return Value(self.storage.read(name), -(1 << (info.width - 1)), (1 << (info.width - 1)) - 1)
        return Value(self.storage.read(name), 0, (1 << info.width) - 1)

    def _stack_field(self, expr: ir.StackFieldRef) -> Value:
        elements = self.storage.program.stacks[expr.stack].elements
        values = [self._field(element, expr.field) for element in elements]
        joined = ", ".join(value.text for value in values)
        if expr.index is None:
            index = self.storage.read(self.storage.stack_next[expr.stack])
            text = f"(0, {joined})[{index}]"
        else:
            text = f"pick(({joined},), {self.value(expr.index).text})"
        return Value(text, values[0].low, values[0].high)

    def _unary(self, op: str, operand: ir.Expr) -> Value:
        if op == "b2d":
            inner = operand
            if isinstance(inner, ir.BoolConst):
                return constant(int(inner.value))
            if isinstance(inner, ir.Unary) and inner.op == "d2b":
                value = self.value(inner.operand)
                if value.fits(1):
                    return value
            return Value(f"(1 if {self.condition(operand)} else 0)", 0, 1)
        value = self.value(operand)
        if value.constant is not None and op in "~-":
            return constant(~value.constant if op == "~" else -value.constant)
        flipped = (None if value.high is None else -value.high, None if value.low is None else -value.low)
        if op == "-":
            return Value(f"(-{value.text})", *flipped)
        shift = [None if bound is None else bound - 1 for bound in flipped]
        return Value(f"(~{value.text})", *shift)

    def _binary(self, expr: ir.Binary) -> Value:
        left, right = self.value(expr.left), self.value(expr.right)
        op = expr.op
        if op in ("two_comp_mod", "sat_cast", "usat_cast"):
            return self._cast(op, left, right.constant or 1)
        if op in ("/", "%"):
            name = "divide" if op == "/" else "modulo"
            return Value(f"{name}({left.text}, {right.text})", None, None)
        if op in ("<<", ">>"):
            return self._shift(op, left, right)
        if left.constant is not None and right.constant is not None:
            return constant(_FOLD[op](left.constant, right.constant))
        for value, other in ((left, right), (right, left)):
            if op == "&" and other.constant is not None and _is_mask(other.constant):
                if value.fits(other.constant.bit_length()):
                    return value
                return Value(f"({value.text} & {other.text})", 0, other.constant)
            if op in "+|^" and other.constant == 0:
                return value
        low, high = _bounds(op, left, right)
        return Value(f"({left.text} {op} {right.text})", low, high)

    @staticmethod
    def _cast(op: str, left: Value, width: int) -> Value:
        if op == "usat_cast":
            top = (1 << width) - 1
            if left.fits(width):
                return left
            return Value(f"min(max({left.text}, 0), {top:#x})", 0, top)
        half = 1 << (width - 1)
        if left.low is not None and left.high is not None and -half <= left.low and left.high < half:
            return left
        if op == "sat_cast":
            return Value(f"min(max({left.text}, -{half:#x}), {half - 1:#x})", -half, half - 1)
        return Value(f"(({left.text} + {half:#x} & {2 * half - 1:#x}) - {half:#x})", -half, half - 1)

    @staticmethod
    def _shift(op: str, left: Value, right: Value) -> Value:
        amount = right.constant
        if op == ">>":
            low = 0 if left.low is not None and left.low >= 0 else left.low
            high = left.high if amount is None or left.high is None else left.high >> max(amount, 0)
            return Value(f"({left.text} >> {right.text})", low, high)
        if amount is not None and 0 <= amount <= MAX_PLAIN_SHIFT:
            low = None if left.low is None else left.low << amount
            high = None if left.high is None else left.high << amount
            return Value(f"({left.text} << {right.text})", low, high)
        low = 0 if left.low is not None and left.low >= 0 else None
        if right.high is not None and right.high <= MAX_PLAIN_SHIFT:
            return Value(f"({left.text} << {right.text})", low, None)
        return Value(f"shift_left({left.text}, {right.text})", low, None)

    # -- truth values -------------------------------------------------------------------------------------------

    @staticmethod
    def is_boolean(expr: ir.Expr) -> bool:
        """True if an expression is a truth value rather than a number."""
        match expr:
            case ir.BoolConst() | ir.IsValid() | ir.HeadersEqual():
                return True
            case ir.Unary(op):
                return op in ("not", "d2b")
            case ir.Binary(op):
                return op in BOOLEAN_OPS
            case ir.Ternary(_, when_true):
                return Expressions.is_boolean(when_true)
        return False

    def condition(self, expr: ir.Expr) -> str:
        """Render an expression as something to branch on."""
        match expr:
            case ir.BoolConst(truth):
                return str(truth)
            case ir.IsValid(header):
                return self._validity(header)
            case ir.Unary("not", operand):
                return f"(not {self.condition(operand)})"
            case ir.Unary("d2b", operand):
                return self.value(operand).text
            case ir.HeadersEqual(left, right):
                valid = f"{self._validity(left)} and {self._validity(right)}"
                return f"({valid} and {self.whole(left)} == {self.whole(right)})"
            case ir.Ternary(condition, when_true, when_false) if self.is_boolean(when_true):
                return f"({self.condition(when_true)} if {self.condition(condition)} else {self.condition(when_false)})"
            case ir.Binary("and" | "or" as op, left, right):
                return f"({self.condition(left)} {op} {self.condition(right)})"
            case ir.Binary(op, left, right) if op in BOOLEAN_OPS:
                if self.is_boolean(left) or self.is_boolean(right):
                    return f"(bool({self.condition(left)}) {op} bool({self.condition(right)}))"
                return f"({self.value(left).text} {op} {self.value(right).text})"
        return self.value(expr).text

    def _validity(self, header: ir.HeaderRef) -> str:
        if isinstance(header, str):
            name = self.storage.headers[header].valid
            return self.storage.read(name) if name else "True"
        elements = self.storage.program.stacks[header.stack].elements
        joined = ", ".join(self._validity(element) for element in elements)
        return f"pick(({joined},), {self.value(header.index).text})"

    # -- whole headers ------------------------------------------------------------------------------------------

    def whole(self, header: str) -> str:
        """Render all of a header as one integer."""
        variables = self.storage.headers[header]
        if variables.raw:
            return f'from_bytes({self.storage.read(variables.raw)}, "big")'
        info = variables.header
        width = info.width
        terms: list[str] = []
        if variables.rest:
            kept = sum(
                ((1 << field.width) - 1) << (width - field.offset - field.width)
                for field in info.fields
                if field.name not in variables.changing
            )
            terms.append(f"{self.storage.read(variables.rest)} & {kept:#x}")
        for field in info.fields:
            if field.name not in variables.changing or not field.width:
                continue
            shift = width - field.offset - field.width
            text = self.unsigned(self._field(header, field.name), field)
            terms.append(f"{text} << {shift}" if shift else text)
        return f"({' | '.join(terms) or '0'})"

    @staticmethod
    def unsigned(value: Value, field: ir.HeaderField) -> str:
        """Return the bit pattern of a field's value."""
        return f"({value.text} & {(1 << field.width) - 1:#x})" if field.is_signed else value.text


_FOLD: dict[str, Callable[[int, int], int]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "&": lambda left, right: left & right,
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
}


def _bounds(op: str, left: Value, right: Value) -> tuple[int | None, int | None]:
    """Return bounds of a result, None where they are not worth knowing."""
    if left.low is None or left.high is None or right.low is None or right.high is None:
        return None, None
    if op == "+":
        return left.low + right.low, left.high + right.high
    if op == "-":
        return left.low - right.high, left.high - right.low
    if left.low < 0 or right.low < 0:
        return None, None
    if op == "*":
        return left.low * right.low, left.high * right.high
    if op == "&":
        return 0, min(left.high, right.high)
    return 0, (1 << max(left.high.bit_length(), right.high.bit_length())) - 1
