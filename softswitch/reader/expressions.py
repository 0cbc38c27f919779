# SPDX-License-Identifier: Apache-2.0
"""Expressions of the BMv2 JSON: type-value objects, operators, left-hand sides."""

from __future__ import annotations

from collections.abc import Sequence

from softswitch import ir
from softswitch.reader.json_view import MAX_WIDTH, JsonView
from softswitch.reader.scope import PLACEHOLDER, Scope

CASTS = frozenset({"two_comp_mod", "usat_cast", "sat_cast"})
ARITHMETIC = CASTS | {"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"}
COMPARISON = frozenset({"==", "!=", "<", "<=", ">", ">="})
LOGIC = frozenset({"and", "or"})
UNARY = frozenset({"~", "not", "b2d", "d2b"})

MAX_AHEAD = 1 << 20
"""Bits that a lookahead can skip: more than any frame has."""

Params = Sequence[tuple[str, int]]


def read_expression(view: JsonView, scope: Scope, params: Params = ()) -> ir.Expr:
    """Read a type-value object as a value; ``params`` are those of the enclosing action."""
    kind = view["type"].text()
    value = view.get("value")
    match kind:
        case "expression" if value is not None:
            if isinstance(value.raw, dict) and "op" not in value.raw:
                return read_expression(value, scope, params)
            return _read_operation(value, scope, params)
        case "hexstr" if value is not None:
            return ir.Const(value.hexstr())
        case "bool" if value is not None:
            return ir.BoolConst(value.flag())
        case "field" if value is not None:
            return scope.reference(value)
        case "runtime_data" | "local" if value is not None:
            index = value.number()
            if not 0 <= index < len(params):
                raise value.wrong("the index of an action parameter")
            return ir.Param(index, params[index][1])
        case "stack_field" if value is not None:
            stack = scope.stack(value.at(0))
            name = value.at(1).text()
            scope.stack_field(stack, name, value.at(1))
            return ir.StackFieldRef(stack.name, None, name)
        case "lookahead" if value is not None:
            return ir.Lookahead(value.at(0).within(0, MAX_AHEAD), value.at(1).within(1, MAX_WIDTH))
        case "register" if value is not None:
            name = value.at(0).text()
            if name not in scope.registers:
                raise value.at(0).wrong("the name of a register array")
            return ir.RegisterCell(name, read_expression(value.at(1), scope, params))
    scope.refuse(f"expression of type {kind}", view.path)
    return PLACEHOLDER


def read_target(view: JsonView, scope: Scope, params: Params = ()) -> ir.Target:
    """Read the left-hand side of an assignment."""
    if view["type"].text() == "field":
        return scope.field(view["value"])
    target = read_expression(view, scope, params)
    if not isinstance(target, ir.FieldRef | ir.StackFieldRef):
        if target is not PLACEHOLDER:
            scope.refuse("assignment to something that is not a header field", view.path)
        return ir.FieldRef("", "")
    return target


def read_header_ref(view: JsonView, scope: Scope, params: Params = ()) -> ir.HeaderRef:
    """Read a header operand: an instance, or a stack element at a run-time index."""
    kind = view["type"].text()
    if kind == "header":
        return scope.header(view["value"]).name
    if kind == "expression":
        inner = view["value"]
        if isinstance(inner.raw, dict) and "op" not in inner.raw:
            return read_header_ref(inner, scope, params)
        if inner["op"].text() == "dereference_header_stack":
            return _read_element(inner, scope, params)
    scope.refuse(f"header operand of type {kind}", view.path)
    return ""


def _read_element(view: JsonView, scope: Scope, params: Params) -> ir.HeaderRef:
    stack = scope.stack(view["left"]["value"])
    index = read_expression(view["right"], scope, params)
    if isinstance(index, ir.Const):
        if not 0 <= index.value < len(stack.elements):
            raise view["right"].wrong(f"an index below {len(stack.elements)}")
        return stack.elements[index.value]
    return ir.StackElement(stack.name, index)


def _read_operation(view: JsonView, scope: Scope, params: Params) -> ir.Expr:
    op = view["op"].text()
    match op:
        case "valid":
            return ir.IsValid(read_header_ref(view["right"], scope, params))
        case "?":
            return ir.Ternary(
                read_expression(view["cond"], scope, params),
                read_expression(view["left"], scope, params),
                read_expression(view["right"], scope, params),
            )
        case "last_stack_index" | "size_stack":
            return ir.StackSize(scope.stack(view["right"]["value"]).name, op == "last_stack_index")
        case "access_field":
            return _read_field_access(view, scope, params)
        case "==" | "!=" if view["left"]["type"].text() == "header":
            equal = ir.HeadersEqual(scope.header(view["left"]["value"]).name, scope.header(view["right"]["value"]).name)
            scope.require_same_type(equal.left, equal.right, view)
            return equal if op == "==" else ir.Unary("not", equal)
    if op in UNARY:
        return ir.Unary(op, read_expression(view["right"], scope, params))
    if op == "-" and view.get("left") is None:
        return ir.Unary("-", read_expression(view["right"], scope, params))
    if op in ARITHMETIC or op in COMPARISON or op in LOGIC:
        left, right = (read_expression(view[side], scope, params) for side in ("left", "right"))
        if op in CASTS and not (isinstance(right, ir.Const) and 1 <= right.value <= MAX_WIDTH):
            raise view["right"].wrong(f"a constant width of 1 to {MAX_WIDTH} bits")
        return ir.Binary(op, left, right)
    scope.refuse(f"operator {op}", view.path)
    return PLACEHOLDER


def _read_field_access(view: JsonView, scope: Scope, params: Params) -> ir.Expr:
    header = read_header_ref(view["left"], scope, params)
    if not header:
        return PLACEHOLDER
    owner = scope.headers[header] if isinstance(header, str) else scope.element(scope.stacks[header.stack])
    offset = view["right"].number()
    if offset == len(owner.fields):
        return ir.IsValid(header)
    if not 0 <= offset < len(owner.fields):
        raise view["right"].wrong(f"the index of a field of {owner.name}")
    name = owner.fields[offset].name
    if isinstance(header, str):
        return ir.FieldRef(header, name)
    return ir.StackFieldRef(header.stack, header.index, name)
