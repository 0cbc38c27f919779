# SPDX-License-Identifier: Apache-2.0
"""Parser states of the BMv2 JSON."""

from __future__ import annotations

from softswitch import ir
from softswitch.reader.expressions import read_expression, read_target
from softswitch.reader.json_view import JsonView
from softswitch.reader.scope import Scope
from softswitch.reader.statements import read_statement


def read_parser(view: JsonView, scope: Scope) -> tuple[str | None, dict[str, ir.ParserState]]:
    """Return the name of the start state and all states by name."""
    states = {state["name"].text(): state for state in view["parse_states"]}
    start = view.get("init_state")
    if start is not None and start.text() not in states:
        raise start.wrong("the name of a parser state")
    return start.text() if start else None, {name: _read_state(state, scope, states) for name, state in states.items()}


def _read_state(view: JsonView, scope: Scope, states: dict[str, JsonView]) -> ir.ParserState:
    ops = [op for item in view.items("parser_ops") if (op := _read_op(item, scope)) is not None]
    key = tuple(_read_key(item, scope) for item in view.items("transition_key"))
    transitions: list[ir.Transition] = []
    default: str | None = None
    for item in view.items("transitions"):
        kind = item.get("type")
        next_state = item["next_state"].text_or_none()
        if next_state is not None and next_state not in states:
            raise item["next_state"].wrong("the name of a parser state or null")
        if kind is None or kind.text() == "default":
            default = next_state
        elif kind.text() == "hexstr":
            mask = item.get("mask")
            transitions.append(
                ir.Transition(
                    next_state,
                    _split(item["value"].hexstr(), key),
                    None if mask is None else _split(mask.hexstr(), key),
                )
            )
        elif kind.text() == "parse_vset":
            transitions.append(_read_value_set(item, scope, key, next_state))
        else:
            scope.refuse(f"transition of type {kind.text()}", item.path)
    return ir.ParserState(view["name"].text(), tuple(ops), key, tuple(transitions), default)


def _read_value_set(
    view: JsonView, scope: Scope, key: tuple[tuple[ir.Expr, int], ...], next_state: str | None
) -> ir.Transition:
    name = view["value"].text()
    width = scope.value_sets.get(name)
    if width is None:
        raise view["value"].wrong("the name of a parser value set")
    if width != sum(bits for _, bits in key):
        raise view["value"].wrong(f"a value set of {sum(bits for _, bits in key)} bits, as the select has")
    if view.get("mask") is not None:
        scope.refuse("mask on a parser value set", view.path)
    return ir.Transition(next_state, value_set=name)


def _split(padded: int, key: tuple[tuple[ir.Expr, int], ...]) -> tuple[int, ...]:
    """Undo the padding of each key field to whole bytes."""
    values: list[int] = []
    for _, width in reversed(key):
        octets = (width + 7) // 8
        values.append(padded & ((1 << width) - 1))
        padded >>= 8 * octets
    return tuple(reversed(values))


def _read_key(view: JsonView, scope: Scope) -> tuple[ir.Expr, int]:
    value = read_expression(view, scope)
    match value:
        case ir.FieldRef() | ir.IsValid():
            return value, scope.width(value)
        case ir.StackFieldRef(stack, _, name):
            return value, scope.stack_field(scope.stacks[stack], name, view).width
        case ir.Lookahead(_, width):
            return value, width
    scope.refuse("select on something other than a field or lookahead", view.path)
    return value, 1


def _read_op(view: JsonView, scope: Scope) -> ir.ParserOp | None:
    op = view["op"].text()
    args = view["parameters"]
    match op:
        case "extract":
            kind, name = args.at(0)["type"].text(), args.at(0)["value"]
            if kind == "regular":
                return ir.Extract(scope.header(name).name, False)
            if kind == "stack":
                return ir.Extract(scope.stack(name).name, True)
            scope.refuse(f"extract of a {kind}", view.path)
        case "set":
            return ir.Assign(read_target(args.at(0), scope), read_expression(args.at(1), scope))
        case "verify":
            return ir.Verify(read_expression(args.at(0), scope), read_expression(args.at(1), scope))
        case "advance":
            return ir.Advance(read_expression(args.at(0), scope))
        case "shift":
            return ir.Advance(ir.Const(8 * args.at(0).number()))
        case "primitive":
            return read_statement(args.at(0), scope, ())
        case _:
            scope.refuse(f"parser operation {op}", view.path)
    return None
