# SPDX-License-Identifier: Apache-2.0
"""Pipelines to Python: tables, conditions and inlined actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from softswitch import ir
from softswitch.codegen.graph import FlowGraph, Go, emit_structured
from softswitch.codegen.statements import Statements
from softswitch.codegen.usage import walk
from softswitch.runtime.entries import ActionCall

MAX_DEPTH = 80
"""Levels of indentation that Python certainly takes; deeper code is emitted as a loop over node numbers."""


class PipelineWriter:
    """Emits ingress or egress into the current function; ``codes`` maps action names to dispatch codes."""

    def __init__(self, statements: Statements, pipeline: ir.Pipeline, codes: Mapping[str, int]) -> None:
        self._statements = statements
        self._storage = statements.storage
        self._program = statements.storage.program
        self._writer = statements.writer
        self._pipeline = pipeline
        self._codes = codes
        self._nodes = {node.name: node for node in pipeline.nodes}

    def emit(self) -> None:
        """Write the whole pipeline."""
        graph = FlowGraph(self._pipeline.start, {name: successors(node) for name, node in self._nodes.items()})
        if not graph.reachable:
            return
        start, deepest = len(self._writer.lines), self._writer.deepest
        if graph.is_structured():
            self._writer.deepest = 0
            self._emit_structured(graph)
            if self._writer.deepest <= MAX_DEPTH:
                self._writer.deepest = max(deepest, self._writer.deepest)
                return
            del self._writer.lines[start:]
            self._writer.deepest = deepest
        self._emit_machine(graph)

    def _emit_structured(self, graph: FlowGraph[str]) -> None:
        bodies = (self._program.actions[number].body for number in ir.used_actions(self._pipeline))
        if not any(isinstance(item, ir.Exit) for body in bodies for item in body):
            emit_structured(graph, self._emit_node)
            return
        with self._writer.block("while True:"):
            emit_structured(graph, self._emit_node)
            self._writer.line("break")

    def _emit_machine(self, graph: FlowGraph[str]) -> None:
        numbers = {name: index for index, name in enumerate(graph.reachable)}

        def go(successor: str | None) -> None:
            self._writer.line("break" if successor is None else f"state = {numbers[successor]}")

        self._writer.line(f"state = {numbers[graph.start or '']}")
        with self._writer.block("while True:"):
            for name, index in numbers.items():
                with self._writer.block(f"{'elif' if index else 'if'} state == {index}:"):
                    ways = set(successors(self._nodes[name]))
                    self._emit_node(name, go)
                    if len(ways) == 1:
                        go(ways.pop())

    def _emit_node(self, name: str, go: Go[str]) -> None:
        """Write a node; ``go`` is called only where a node has more than one successor."""
        node = self._nodes[name]
        match node:
            case ir.ConditionNode():
                self._emit_condition(node, go)
            case ir.ActionNode():
                action = self._program.actions[node.action_id]
                self._statements.trace_fixed("action", action.name)
                self._statements.emit_body(action.body)
            case ir.TableNode():
                self._emit_table(node, go)

    def _capture(self, emit: Callable[[], None]) -> list[str]:
        with self._writer.captured() as lines:
            emit()
        return lines

    def _emit_condition(self, node: ir.ConditionNode, go: Go[str]) -> None:
        condition = self._statements.expressions.condition(node.condition)
        if self._statements.is_traced:
            step = partial(self._statements.fixed_step, "condition", node.text)
            when_true, when_false = step(detail="'true'"), step(detail="'false'")
            self._writer.line(f"trace.add({when_true} if {condition} else {when_false})")
        if node.next_true == node.next_false:
            return
        then = self._capture(lambda: go(node.next_true))
        self._writer.branch([(condition, then)], self._capture(lambda: go(node.next_false)))

    # -- tables -------------------------------------------------------------------------------------------------

    def _emit_table(self, table: ir.TableNode, go: Go[str]) -> None:
        if not table.key and table.has_const_default and table.default is not None and not table.splits_on_hit:
            self._emit_fixed_call(table, table.default)
            return
        label = table.name.rsplit(".", 1)[-1]
        handle = f"env.tables[{table.name!r}]"
        default = self._storage.bound(f"{handle}.default_entry", f"{label}_default")
        if table.key:
            self._emit_lookup(table, label, handle, default)
        else:
            self._writer.line(f"entry = {default}")
            self._statements.trace_fixed("table", table.name, detail="'miss'")
        source = "entry"
        if table.profile is not None and self._program.profiles[table.profile].selector is not None:
            source = self._emit_selection(table)
        self._emit_dispatch(table, source, default, go)

    def _emit_fixed_call(self, table: ir.TableNode, call: ActionCall) -> None:
        action = next(item for item in self._actions(table) if item.name == call.name)
        if action.body:
            self._statements.trace_fixed("action", action.name, detail=repr(table.name), args=repr(call.params))
        self._statements.emit_body(action.body, [hex(value) for value in call.params])

    def _emit_lookup(self, table: ir.TableNode, label: str, handle: str, default: str) -> None:
        values = [self._key_value(item) for item in table.key]
        key = values[0] if len(values) == 1 else f"({', '.join(values)})"
        get = self._storage.bound(f"{handle}.index.get", f"{label}_get")
        is_exact = all(item.field.kind == "exact" for item in table.key)
        if self._statements.is_traced or not is_exact:
            self._writer.line(f"key = {key}")
            key = "key"
        if is_exact:
            self._writer.line(f"entry = {get}({key}, {default})")
        else:
            resolve = self._storage.bound(f"{handle}.resolve", f"{label}_resolve")
            self._writer.line(f"entry = {get}(key)")
            with self._writer.block("if entry is None:"):
                self._writer.line(f"entry = {resolve}(key)")
        hit = f"entry is not {default}"
        if self._statements.is_traced:
            keys = "(key,)" if len(values) == 1 else "key"
            self._statements.trace(
                "table",
                table.name,
                detail=f"'hit' if {hit} else 'miss'",
                entry=f"entry if {hit} else None",
                key=f"tuple(int(value) for value in {keys})",
            )
        if table.has_counter or table.meter or table.has_idle_timeout:
            with self._writer.block(f"if {hit}:"):
                self._emit_hit(table)

    def _key_value(self, item: ir.TableKey) -> str:
        """Render a key field; a field of an invalid header is looked up as 0."""
        text = self._statements.expressions.value(item.value).text
        if isinstance(item.value, ir.FieldRef):
            variables = self._storage.headers[item.value.header]
            info = self._storage.info(item.value)
            text = self._statements.expressions.unsigned(self._statements.expressions.value(item.value), info)
            if variables.valid and not variables.is_zero_when_invalid:
                text = f"({text} if {self._storage.read(variables.valid)} else 0)"
        if item.mask is not None and item.mask != (1 << item.field.width) - 1:
            text = f"({text} & {item.mask:#x})"
        return text

    def _emit_hit(self, table: ir.TableNode) -> None:
        if table.has_counter:
            self._writer.line("entry.packets += 1")
            self._writer.line("entry.bytes += size")
        if table.has_idle_timeout:
            self._writer.line("entry.last_hit_us = now_us()")
        if table.meter is not None:
            meter = self._program.meters[table.meter]
            cost = "size" if meter.unit == "bytes" else "1"
            if meter.target is not None:
                variable = self._storage.field(meter.target.header, meter.target.field)
                if variable is not None:
                    self._storage.write(variable)
                    self._writer.line("meter = entry.meter")
                    self._writer.line(f"{variable} = 0 if meter is None else meter.execute({cost}, now_us())")

    def _emit_selection(self, table: ir.TableNode) -> str:
        """Write code that leaves the chosen group member, or the entry itself, in ``chosen``."""
        selector = self._program.profiles[table.profile or ""].selector
        if selector is None:
            return "entry"
        self._writer.line("group = entry.group")
        with self._writer.block("if group is None:"):
            self._writer.line("chosen = entry")
        with self._writer.block("else:"):
            self._writer.line("live = group.live")
            with self._writer.block("if len(live) == 1:"):
                self._writer.line("chosen = live[0]")
            with self._writer.block("else:"):
                result = self._statements.calculations.emit(selector)
                self._writer.line(f"chosen = live[{result} % len(live)]")
            if self._statements.is_traced:
                self._statements.trace(
                    "member", selector.name, detail="f'member {chosen.member_id} of {len(live)}'", args="chosen.args"
                )
        return "chosen"

    def _actions(self, table: ir.TableNode) -> list[ir.Action]:
        return [self._program.actions[number] for number in table.actions]

    def _emit_dispatch(self, table: ir.TableNode, source: str, default: str, go: Go[str]) -> None:
        ways = dict(table.next_by_action)
        is_fork = not table.splits_on_hit and len(set(successors(table))) > 1
        arms: list[tuple[str, list[str]]] = []
        if self._statements.is_traced:
            with self._writer.block(f"if {source}.code >= 0:"):
                step = f"Step('action', env.action_names[{source}.code], detail={table.name!r}, args={source}.args)"
                self._writer.line(f"trace.add({step})")
        for action in self._actions(table):
            with self._writer.captured() as lines:
                self._emit_action(action, source)
                if is_fork and not _ends_with_exit(action):
                    go(ways.get(action.name, table.next_default))
            if lines or is_fork:
                arms.append((f"{source}.code == {self._codes[action.name]}", lines))
        otherwise: list[str] = []
        if is_fork and _covers_all(table):
            otherwise = arms.pop()[1]
        elif is_fork:
            otherwise = self._capture(lambda: go(table.next_default))
        self._writer.branch(arms, otherwise)
        if table.splits_on_hit and table.next_hit != table.next_miss:
            when_hit = self._capture(lambda: go(table.next_hit))
            when_miss = self._capture(lambda: go(table.next_miss))
            self._writer.branch([(f"entry is not {default}", when_hit)], when_miss)

    def _emit_action(self, action: ir.Action, source: str) -> None:
        targets = self._direct_targets(action)
        if targets is not None:
            self._writer.line(f"{', '.join(targets)}{',' if len(targets) == 1 else ''} = {source}.args")
            for statement in action.body:
                if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Const):
                    self._statements.emit(statement)
            return
        used = {item.index for item in walk(action.body) if isinstance(item, ir.Param)}
        names = [f"arg_{index}_{name}" if index in used else "_" for index, (name, _) in enumerate(action.params)]
        names = ["".join(c if c.isalnum() or c == "_" else "_" for c in name) for name in names]
        start = len(self._writer.lines)
        self._statements.emit_body(action.body, names)
        body = self._writer.lines[start:]
        del self._writer.lines[start:]
        if used and body:
            self._writer.line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {source}.args")
        self._writer.lines.extend(body)

    def _direct_targets(self, action: ir.Action) -> list[str] | None:
        """Return the variables that an action's parameters can be unpacked into, None unless it only sets fields."""
        targets: list[str | None] = [None] * len(action.params)
        seen: set[str] = set()
        for statement in action.body:
            if not isinstance(statement, ir.Assign) or not isinstance(statement.target, ir.FieldRef):
                return None
            name = self._storage.field(statement.target.header, statement.target.field)
            if name is None:
                continue
            info = self._storage.info(statement.target)
            value = statement.value
            if name in seen or info.is_signed or not isinstance(value, ir.Const | ir.Param):
                return None
            seen.add(name)
            if isinstance(value, ir.Param):
                if value.width > info.width or targets[value.index] is not None:
                    return None
                targets[value.index] = name
        if not any(targets):
            return None
        return [self._storage.write(name) if name else "_" for name in targets]


def _ends_with_exit(action: ir.Action) -> bool:
    return bool(action.body) and isinstance(action.body[-1], ir.Exit)


def successors(node: ir.Node) -> Sequence[str | None]:
    """Return where the pipeline may go on after a node, None for its end."""
    match node:
        case ir.ConditionNode():
            return (node.next_true, node.next_false)
        case ir.ActionNode():
            return (node.next,)
        case ir.TableNode():
            if node.splits_on_hit:
                return (node.next_hit, node.next_miss)
            if not node.key and node.has_const_default and node.default is not None:
                return (dict(node.next_by_action).get(node.default.name, node.next_default),)
            ways = [way for _, way in node.next_by_action]
            return tuple(dict.fromkeys(ways)) if _covers_all(node) else tuple(dict.fromkeys([*ways, node.next_default]))


def _covers_all(node: ir.TableNode) -> bool:
    """True if an entry always has one of the table's actions, so that the base default is never taken."""
    return node.default is not None and node.profile is None
