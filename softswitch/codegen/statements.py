# SPDX-License-Identifier: Apache-2.0
"""Statements of actions, parser states and the deparser to Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from softswitch import ir
from softswitch.codegen.calculations import Calculations
from softswitch.codegen.expressions import Expressions, Value
from softswitch.codegen.graph import FlowGraph, Go, emit_structured
from softswitch.codegen.storage import HeaderVars, Storage
from softswitch.codegen.text import Writer

Body = Sequence[ir.Statement]

MAX_TURNS = 100_000
"""Statements that one run of an action with loops may take; BMv2 would loop for ever."""


class Statements:
    """Emits statements into a writer; ``is_traced`` adds trace steps where something is worth telling."""

    def __init__(self, storage: Storage, writer: Writer, *, is_traced: bool) -> None:
        self.storage = storage
        self.writer = writer
        self.is_traced = is_traced
        self.expressions = Expressions(storage)
        self.calculations = Calculations(storage, self.expressions, writer)
        # Headers that may be valid here; None where nothing is known. Known at the start of parsing only.
        self.maybe_valid: set[str] | None = None
        self._emitters: dict[type, Callable[..., None]] = {
            ir.Assign: self._assign,
            ir.SetValidity: self._set_validity,
            ir.CopyHeader: self._copy_header,
            ir.CopyStack: self._copy_stack,
            ir.ShiftStack: self._shift_stack,
            ir.MarkToDrop: self._mark_to_drop,
            ir.Hash: self._hash,
            ir.Random: self._random,
            ir.Count: self._count,
            ir.ExecuteMeter: self._execute_meter,
            ir.ReadRegister: self._read_register,
            ir.WriteRegister: self._write_register,
            ir.SendDigest: self._send_digest,
            ir.Clone: self._clone,
            ir.Resubmit: lambda item: self._set_state("resubmit_list", item.field_list),
            ir.Recirculate: lambda item: self._set_state("recirculate_list", item.field_list),
            ir.Truncate: self._truncate,
            ir.Exit: lambda item: self.writer.line("break"),
            ir.Log: self._log,
            ir.Assert: self._assert,
        }

    def emit(self, statement: ir.Statement) -> None:
        """Write one statement other than a jump."""
        self._emitters[type(statement)](statement)

    def emit_body(self, body: Body, params: Sequence[str] = ()) -> None:
        """Write the statements of an action; jumps become branches."""
        self.expressions.params = params
        if not any(isinstance(statement, ir.Jump) for statement in body):
            for statement in body:
                self.emit(statement)
                if isinstance(statement, ir.Exit):
                    break
            return
        end = len(body)

        def after(index: int) -> int | None:
            return index if index < end else None

        successors: dict[int, tuple[int | None, ...]] = {}
        for index, statement in enumerate(body):
            if isinstance(statement, ir.Jump):
                way = after(statement.destination)
                successors[index] = (way,) if statement.unless is None else (after(index + 1), way)
            else:
                successors[index] = (None,) if isinstance(statement, ir.Exit) else (after(index + 1),)

        def emit_node(index: int, go: Go[int]) -> None:
            statement = body[index]
            if not isinstance(statement, ir.Jump):
                self.emit(statement)
            elif statement.unless is not None:
                condition = self.expressions.condition(ir.Unary("d2b", statement.unless))
                arms: list[list[str]] = []
                for destination in (index + 1, statement.destination):
                    with self.writer.captured() as lines:
                        go(after(destination))
                    arms.append(lines)
                self.writer.branch([(condition, arms[0])], arms[1])

        graph = FlowGraph(0, successors)
        if graph.is_structured():
            emit_structured(graph, emit_node)
        else:
            self._emit_machine(graph, emit_node)

    def _emit_machine(self, graph: FlowGraph[int], emit_node: Callable[[int, Go[int]], None]) -> None:
        """Write the statements of an action as a loop over their numbers, for actions with loops."""

        def go(successor: int | None) -> None:
            self.writer.line("break" if successor is None else f"step = {successor}")

        self.writer.line("step = turns = 0")
        with self.writer.block("while True:"):
            self.writer.line("turns += 1")
            with self.writer.block(f"if turns > {MAX_TURNS}:"):
                self.writer.line("break")
            for number, index in enumerate(graph.reachable):
                with self.writer.block(f"{'elif' if number else 'if'} step == {index}:"):
                    emit_node(index, go)
                    ways = graph.successors[index]
                    if len(ways) == 1:
                        go(ways[0])

    def trace(self, kind: str, name: str, **details: str) -> None:
        """Write a trace step in the traced variant; details are Python expressions, worked out for each packet."""
        if self.is_traced:
            self.writer.line(f"trace.add({_step(kind, name, details)})")

    def trace_fixed(self, kind: str, name: str, **details: str) -> None:
        """Write a trace step whose details are literals, so that all packets share one object."""
        if self.is_traced:
            self.writer.line(f"trace.add({self.fixed_step(kind, name, **details)})")

    def fixed_step(self, kind: str, name: str, **details: str) -> str:
        """Return the name of a trace step that is made once; details are literals."""
        return self.storage.bound(_step(kind, name, details), f"step_{kind}")

    # -- assignment ---------------------------------------------------------------------------------------------

    def store(self, target: ir.Target, value: Value) -> None:
        """Write an assignment of a value to a field, unless nobody ever looks at the field."""
        if isinstance(target, ir.FieldRef):
            name = self.storage.field(target.header, target.field)
            info = self.storage.info(target)
            if name is not None and info.width:
                text = self.expressions.cut(value, info.width, is_signed=info.is_signed)
                if text != name:
                    self.writer.line(f"{self.storage.write(name)} = {text}")
            return
        elements = self.storage.program.stacks[target.stack].elements
        if target.index is None:
            index = f"{self.storage.read(self.storage.stack_next[target.stack])} - 1"
        else:
            index = self.expressions.value(target.index).text
        self.writer.line(f"slot = {index}")
        for number, element in enumerate(elements):
            with self.writer.block(f"{'elif' if number else 'if'} slot == {number}:"):
                self.store(ir.FieldRef(element, target.field), value)

    def _assign(self, statement: ir.Assign) -> None:
        self.store(statement.target, self.expressions.value(statement.value))

    # -- headers ------------------------------------------------------------------------------------------------

    def _set_validity(self, statement: ir.SetValidity) -> None:
        if isinstance(statement.header, str):
            self._set_header_validity(self.storage.headers[statement.header], statement.is_valid)
            return
        elements = self.storage.program.stacks[statement.header.stack].elements
        self.writer.line(f"key = {self.expressions.value(statement.header.index).text}")
        for number, element in enumerate(elements):
            with self.writer.block(f"{'elif' if number else 'if'} key == {number}:"):
                self._set_header_validity(self.storage.headers[element], statement.is_valid)

    def _set_header_validity(self, variables: HeaderVars, is_valid: bool) -> None:
        if not variables.valid:
            return
        if self.maybe_valid is not None:
            if is_valid:
                self.maybe_valid.add(variables.header.name)
            elif variables.header.name not in self.maybe_valid:
                return
        octets = variables.header.width // 8
        is_sized = self.storage.tracks_size and octets
        if not is_valid and not is_sized:
            self.writer.line(f"{self.storage.write(variables.valid)} = 0")
            return
        with self.writer.block(f"if {'not ' if is_valid else ''}{self.storage.write(variables.valid)}:"):
            self.writer.line(f"{variables.valid} = {int(is_valid)}")
            if is_valid:
                self.clear_header(variables)
            if is_sized:
                self.writer.line(f"{self.storage.write('packet_size')} {'+' if is_valid else '-'}= {octets}")

    def clear_header(self, variables: HeaderVars) -> None:
        """Write zeros into all of a header's variables but its validity."""
        zeroed = [self.storage.write(name) for name in (variables.rest, *variables.fields.values()) if name]
        if zeroed:
            self.writer.line(f"{' = '.join(zeroed)} = 0")
        if variables.raw:
            self.writer.line(f"{self.storage.write(variables.raw)} = bytes({variables.header.width // 8})")

    def _copy_header(self, statement: ir.CopyHeader) -> None:
        target, source = self.storage.headers[statement.target], self.storage.headers[statement.source]
        if target is source:
            return
        if self.maybe_valid is not None:
            self.maybe_valid.add(statement.target)
        if not source.valid or not target.valid:
            self._copy_fields(target, source)
            return
        with self.writer.block(f"if {self.storage.read(source.valid)}:"):
            self.writer.line(f"{self.storage.write(target.valid)} = 1")
            self._copy_fields(target, source)
        with self.writer.block("else:"):
            self.writer.line(f"{target.valid} = 0")

    def _copy_fields(self, target: HeaderVars, source: HeaderVars) -> None:
        pairs = self._pairs(target, source)
        for left, right in pairs:
            self.writer.line(f"{self.storage.write(left)} = {right}")

    def _pairs(self, target: HeaderVars, source: HeaderVars) -> list[tuple[str, str]]:
        """Return what to assign to each variable of a header so that it equals another of the same type."""
        pairs: list[tuple[str, str]] = []
        for field, name in target.fields.items():
            reference = ir.FieldRef(source.header.name, field)
            pairs.append((name, self.expressions.value(reference).text))
        octets = source.header.width // 8
        if target.rest:
            pairs.append((target.rest, self._image(source)))
        if target.raw:
            raw = source.raw and self.storage.read(source.raw)
            pairs.append((target.raw, raw or f"{self._image(source)}.to_bytes({octets}, 'big')"))
        return pairs

    def _image(self, source: HeaderVars) -> str:
        """Return an integer that holds at least the fields of a header that nothing changes."""
        if source.rest:
            return self.storage.read(source.rest)
        return self.expressions.whole(source.header.name)

    def _copy_stack(self, statement: ir.CopyStack) -> None:
        stacks = self.storage.program.stacks
        next_source = self.storage.read(self.storage.stack_next[statement.source])
        self.writer.line(f"{self.storage.write(self.storage.stack_next[statement.target])} = {next_source}")
        for left, right in zip(stacks[statement.target].elements, stacks[statement.source].elements, strict=True):
            self._copy_header(ir.CopyHeader(left, right))

    def _shift_stack(self, statement: ir.ShiftStack) -> None:
        """Move all elements by a constant; elements that come in are invalid (the P4_16 stacks of BMv2)."""
        names = self.storage.program.stacks[statement.stack].elements
        count = statement.count
        if not count:
            return
        if self.maybe_valid is not None:
            self.maybe_valid.update(names)
        elements = [self.storage.headers[name] for name in names]
        moves: list[tuple[str, str]] = []
        for index, element in enumerate(elements):
            origin = index - count
            if 0 <= origin < len(elements):
                moves.append((element.valid, self.storage.read(elements[origin].valid)))
                moves.extend(self._pairs(element, elements[origin]))
            else:
                moves.append((element.valid, "0"))
        self.writer.line(f"{', '.join(self.storage.write(left) for left, _ in moves)} = (")
        with self.writer.indented():
            self.writer.line(f"{', '.join(right for _, right in moves)},")
        self.writer.line(")")
        position = self.storage.write(self.storage.stack_next[statement.stack])
        bounded = f"min({position} + {count}, {len(elements)})" if count > 0 else f"max({position} - {-count}, 0)"
        self.writer.line(f"{position} = {bounded}")

    # -- externs ------------------------------------------------------------------------------------------------

    def _mark_to_drop(self, statement: ir.MarkToDrop) -> None:
        self.writer.line(f"{self.storage.write(self.storage.intrinsic('egress_spec') or '_')} = DROP_SPEC")
        group = self.storage.intrinsic("mcast_grp")
        if group is not None:
            self.writer.line(f"{self.storage.write(group)} = 0")

    def _hash(self, statement: ir.Hash) -> None:
        calculation = self.storage.program.calculations[statement.calculation]
        result = self.calculations.emit(calculation)
        base, size = self.expressions.value(statement.base), self.expressions.value(statement.size)
        if size.constant is not None:
            modulus = size.constant & 0xFFFFFFFFFFFFFFFF or 1
            text, high = f"({result} % {modulus:#x})", modulus - 1
            if not modulus & (modulus - 1):
                text = f"({result} & {modulus - 1:#x})"
        else:
            text, high = f"({result} % ({size.text} or 1))", size.high or 0
        if base.constant != 0:
            text = f"({text} + {base.text})"
        self.store(statement.target, Value(text, 0, None if base.high is None else high + base.high))

    def _random(self, statement: ir.Random) -> None:
        low, high = self.expressions.value(statement.low).text, self.expressions.value(statement.high).text
        with self.writer.block(f"if {low} <= {high}:"):
            self.store(statement.target, Value(f"random_between({low}, {high})", 0, None))

    def _count(self, statement: ir.Count) -> None:
        counter = statement.counter
        packets = self.storage.bound(f"env.counters[{counter!r}].packets", f"{counter}_packets")
        octets = self.storage.bound(f"env.counters[{counter!r}].bytes", f"{counter}_bytes")
        self.writer.line(f"key = {self.expressions.value(statement.index).text}")
        with self.writer.block(f"if key < {self.storage.program.counters[statement.counter]}:"):
            self.writer.line(f"{packets}[key] += 1")
            self.writer.line(f"{octets}[key] += size")

    def _execute_meter(self, statement: ir.ExecuteMeter) -> None:
        meter = self.storage.program.meters[statement.meter]
        self.writer.line(f"key = {self.expressions.value(statement.index).text}")
        with self.writer.block(f"if key < {meter.size}:"):
            execute = self.storage.bound(f"env.meters[{meter.name!r}].execute", f"{meter.name}_execute")
            self.store(statement.target, Value(f"{execute}(key, size)", 0, 2))

    def _read_register(self, statement: ir.ReadRegister) -> None:
        size, width = self.storage.program.registers[statement.register]
        self.writer.line(f"key = {self.expressions.value(statement.index).text}")
        with self.writer.block(f"if key < {size}:"):
            cells = self.storage.register_cells(statement.register)
            self.store(statement.target, Value(f"{cells}[key]", 0, (1 << width) - 1))

    def _write_register(self, statement: ir.WriteRegister) -> None:
        size, width = self.storage.program.registers[statement.register]
        self.writer.line(f"key = {self.expressions.value(statement.index).text}")
        with self.writer.block(f"if key < {size}:"):
            value = self.expressions.masked(statement.value, width)
            self.writer.line(f"{self.storage.register_cells(statement.register)}[key] = {value}")

    def _send_digest(self, statement: ir.SendDigest) -> None:
        self._set_state("digest_list", statement.digest_id)

    def _clone(self, statement: ir.Clone) -> None:
        session = self.expressions.masked(statement.session, 15)
        self.writer.line(f"{self.storage.write('clone_session')} = {session}")
        self._set_state("clone_list", statement.field_list)

    def _truncate(self, statement: ir.Truncate) -> None:
        length = self.expressions.value(statement.length).text
        self.storage.write("limit")
        self.writer.line(f"limit = {length} if limit is None else min(limit, {length})")

    def _set_state(self, name: str, value: ir.Expr) -> None:
        self.writer.line(f"{self.storage.write(name)} = {self.expressions.value(value).text}")

    def _log(self, statement: ir.Log) -> None:
        values = "".join(f", {self.expressions.value(value).text}" for value in statement.values)
        self.writer.line(f"env.log(format_message({statement.message!r}{values}))")
        if self.is_traced:
            self.writer.line(f"trace.add(Step('log', format_message({statement.message!r}{values})))")

    def _assert(self, statement: ir.Assert) -> None:
        with self.writer.block(f"if not {self.expressions.condition(ir.Unary('d2b', statement.condition))}:"):
            self.writer.line(f"env.log({statement.text!r})")
            self.trace_fixed("log", statement.text)


def _step(kind: str, name: str, details: Mapping[str, str]) -> str:
    extra = "".join(f", {key}={text}" for key, text in details.items())
    return f"Step({kind!r}, {name!r}{extra})"
