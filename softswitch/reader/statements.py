# SPDX-License-Identifier: Apache-2.0
"""Primitives of actions, parsers and deparsers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from softswitch import ir
from softswitch.reader.expressions import Params, read_expression, read_header_ref, read_target
from softswitch.reader.json_view import JsonView
from softswitch.reader.scope import Scope


class Call:
    """A primitive call being read: its parameters, the names in scope, the action's parameters."""

    def __init__(self, view: JsonView, scope: Scope, params: Params) -> None:
        self.view = view
        self.scope = scope
        self.params = params
        self._args = view["parameters"]

    def arg(self, index: int) -> JsonView:
        """Return a parameter."""
        return self._args.at(index)

    def count(self) -> int:
        """Return the number of parameters."""
        return len(list(self._args))

    def value(self, index: int) -> ir.Expr:
        """Return a parameter as a value."""
        return read_expression(self.arg(index), self.scope, self.params)

    def target(self, index: int) -> ir.Target:
        """Return a parameter as something to assign to."""
        return read_target(self.arg(index), self.scope, self.params)

    def header(self, index: int) -> ir.HeaderRef:
        """Return a parameter as a header."""
        return read_header_ref(self.arg(index), self.scope, self.params)

    def named(self, index: int, known: Iterable[str], kind: str) -> str:
        """Return a parameter as the name of a known object."""
        view = self.arg(index)["value"]
        if view.text() not in known:
            raise view.wrong(f"the name of a {kind}")
        return view.text()

    def constant(self, index: int) -> int:
        """Return a parameter that must be a constant."""
        value = self.value(index)
        if not isinstance(value, ir.Const):
            raise self.arg(index).wrong("a constant")
        return value.value


def _copy_header(call: Call) -> ir.Statement | None:
    target, source = call.header(0), call.header(1)
    if isinstance(target, str) and isinstance(source, str):
        if not target or not source:
            return None
        call.scope.require_same_type(target, source, call.view)
        return ir.CopyHeader(target, source)
    call.scope.refuse("assignment of a stack element at a run-time index", call.view.path)
    return None


def _copy_stack(call: Call) -> ir.Statement:
    target = call.scope.stack(call.arg(0)["value"])
    source = call.scope.stack(call.arg(1)["value"])
    call.scope.require_same_type(target.elements[0], source.elements[0], call.view)
    if len(target.elements) != len(source.elements):
        raise call.view.wrong("stacks of the same depth")
    return ir.CopyStack(target.name, source.name)


def _shift(call: Call, sign: int) -> ir.Statement | None:
    kind = call.arg(0)["type"].text()
    if kind != "header_stack":
        call.scope.refuse(f"push or pop of a {kind}", call.view.path)
        return None
    return ir.ShiftStack(call.scope.stack(call.arg(0)["value"]).name, sign * call.constant(1))


def _log(call: Call) -> ir.Statement:
    values: tuple[ir.Expr, ...] = ()
    if call.count() > 1:
        values = tuple(read_expression(item, call.scope, call.params) for item in call.arg(1)["value"])
    return ir.Log(call.arg(0)["value"].text(), values)


def _assert(call: Call, name: str) -> ir.Statement:
    where = ""
    info = call.view.get("source_info")
    if info is not None:
        fragment, line = info.get("source_fragment"), info.get("line")
        where = f" in line {line.number()}: {fragment.text()}" if fragment and line else ""
    return ir.Assert(call.value(0), f"{name} failed{where}")


def _step(call: Call, op: str) -> ir.Statement:
    target = call.target(0)
    return ir.Assign(target, ir.Binary(op, target, call.value(1)))


_READERS: dict[str, Callable[[Call], ir.Statement | None]] = {
    "assign": lambda call: ir.Assign(call.target(0), call.value(1)),
    "modify_field": lambda call: ir.Assign(call.target(0), call.value(1)),
    "add_to_field": lambda call: _step(call, "+"),
    "subtract_from_field": lambda call: _step(call, "-"),
    "add": lambda call: ir.Assign(call.target(0), ir.Binary("+", call.value(1), call.value(2))),
    "subtract": lambda call: ir.Assign(call.target(0), ir.Binary("-", call.value(1), call.value(2))),
    "bit_xor": lambda call: ir.Assign(call.target(0), ir.Binary("^", call.value(1), call.value(2))),
    "bit_or": lambda call: ir.Assign(call.target(0), ir.Binary("|", call.value(1), call.value(2))),
    "bit_and": lambda call: ir.Assign(call.target(0), ir.Binary("&", call.value(1), call.value(2))),
    "shift_left": lambda call: ir.Assign(call.target(0), ir.Binary("<<", call.value(1), call.value(2))),
    "shift_right": lambda call: ir.Assign(call.target(0), ir.Binary(">>", call.value(1), call.value(2))),
    "add_header": lambda call: ir.SetValidity(call.header(0), True),
    "remove_header": lambda call: ir.SetValidity(call.header(0), False),
    "assign_header": _copy_header,
    "copy_header": _copy_header,
    "assign_header_stack": _copy_stack,
    "push": lambda call: _shift(call, 1),
    "pop": lambda call: _shift(call, -1),
    "mark_to_drop": lambda call: ir.MarkToDrop(),
    "drop": lambda call: ir.MarkToDrop(),
    "modify_field_with_hash_based_offset": lambda call: ir.Hash(
        call.target(0), call.named(2, call.scope.calculations, "calculation"), call.value(1), call.value(3)
    ),
    "modify_field_rng_uniform": lambda call: ir.Random(call.target(0), call.value(1), call.value(2)),
    "count": lambda call: ir.Count(call.named(0, call.scope.counters, "counter array"), call.value(1)),
    "execute_meter": lambda call: ir.ExecuteMeter(
        call.named(0, call.scope.meters, "meter array"), call.value(1), call.target(2)
    ),
    "register_read": lambda call: ir.ReadRegister(
        call.target(0), call.named(1, call.scope.registers, "register array"), call.value(2)
    ),
    "register_write": lambda call: ir.WriteRegister(
        call.named(0, call.scope.registers, "register array"), call.value(1), call.value(2)
    ),
    "generate_digest": lambda call: ir.SendDigest(call.value(1)),
    "clone_ingress_pkt_to_egress": lambda call: ir.Clone(call.value(0), call.value(1)),
    "clone_egress_pkt_to_egress": lambda call: ir.Clone(call.value(0), call.value(1)),
    "resubmit": lambda call: ir.Resubmit(call.value(0)),
    "recirculate": lambda call: ir.Recirculate(call.value(0)),
    "truncate": lambda call: ir.Truncate(call.value(0)),
    "exit": lambda call: ir.Exit(),
    "log_msg": _log,
    "assert": lambda call: _assert(call, "assert"),
    "assume": lambda call: _assert(call, "assume"),
    "_jump": lambda call: ir.Jump(call.constant(0)),
    "_jump_if_zero": lambda call: ir.Jump(call.constant(1), call.value(0)),
}


def read_statement(view: JsonView, scope: Scope, params: Params) -> ir.Statement | None:
    """Read one primitive; None where it does nothing or is unsupported (which is noted)."""
    op = view["op"].text()
    if op == "no_op":
        return None
    reader = _READERS.get(op)
    if reader is None:
        scope.refuse(f"primitive {op}", view.path)
        return None
    return reader(Call(view, scope, params))


def read_body(views: list[JsonView], scope: Scope, params: Params) -> tuple[ir.Statement, ...]:
    """Read the primitives of an action; jump destinations are moved where a primitive left nothing behind."""
    statements: list[ir.Statement] = []
    new_index: list[int] = []
    for view in views:
        new_index.append(len(statements))
        statement = read_statement(view, scope, params)
        if statement is not None:
            statements.append(statement)
    new_index.append(len(statements))
    for index, statement in enumerate(statements):
        if isinstance(statement, ir.Jump):
            if not 0 <= statement.destination < len(new_index):
                raise views[0].wrong(f"jumps within the action, not to {statement.destination}")
            destination = new_index[statement.destination]
            if destination <= index and any(isinstance(item, ir.Exit) for item in statements):
                scope.refuse("loop together with exit inside an action", views[0].path)
            statements[index] = ir.Jump(destination, statement.unless)
    return tuple(statements)
