# SPDX-License-Identifier: Apache-2.0
"""Parser states to Python.

The code runs inside ``while True:``, so that ``break`` ends parsing. As long as the position is the same on every way
to a place it is a constant there; ``off`` holds it wherever ways with different positions meet.
"""

from __future__ import annotations

from collections.abc import Callable

from softswitch import ir
from softswitch.codegen.graph import FlowGraph, Go, emit_structured
from softswitch.codegen.statements import Statements
from softswitch.codegen.storage import HeaderVars
from softswitch.codegen.usage import walk

# BMv2 counts every state; a program that loops without consuming would hang it, and must not hang us.
MAX_STEPS = 4096


class ParserWriter:
    """Emits the parser of a program into the current function."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._storage = statements.storage
        self._program = statements.storage.program
        self._writer = statements.writer
        self._offset: int | None = 0
        statements.expressions.lookahead = self._lookahead

    def emit(self) -> None:
        """Write the whole parser; afterwards ``off`` is the position and the parser error is stored."""
        self._storage.write("off")
        if self._program.parser_start is None:
            self._writer.line("off = 0")
            return
        graph = FlowGraph(
            self._program.parser_start,
            {
                name: [*(item.next_state for item in s.transitions), s.default]
                for name, s in self._program.states.items()
            },
        )
        if graph.is_structured():
            self._offset = 0
            self._statements.maybe_valid = set()
            with self._writer.block("while True:"):
                emit_structured(graph, self._emit_structured_state)
                self._flush()
                self._writer.line("break")
            self._statements.maybe_valid = None
        else:
            self._emit_machine(graph)

    def _emit_structured_state(self, name: str, go: Go[str]) -> None:
        state = self._program.states[name]
        self._emit_ops(state)
        successors = {item.next_state for item in state.transitions} | {state.default}
        if len(successors) == 1:
            return
        known = self._offset

        def arm(successor: str | None) -> list[str]:
            self._offset = known
            with self._writer.captured() as lines:
                go(successor)
                self._flush()
            return lines

        self._emit_select(state, arm)
        self._offset = None

    def _emit_machine(self, graph: FlowGraph[str]) -> None:
        """Write the parser as a loop over state numbers, for parsers with loops."""
        numbers = {name: index for index, name in enumerate(graph.reachable)}
        self._offset = None
        self._writer.line("off = steps = 0")
        self._writer.line(f"state = {numbers[self._program.parser_start or '']}")

        def arm(successor: str | None) -> list[str]:
            with self._writer.captured() as lines:
                self._writer.line("break" if successor is None else f"state = {numbers[successor]}")
            return lines

        with self._writer.block("while True:"):
            self._writer.line("steps += 1")
            with self._writer.block(f"if steps > {MAX_STEPS}:"):
                self._writer.line("break")
            for name, index in numbers.items():
                with self._writer.block(f"{'elif' if index else 'if'} state == {index}:"):
                    self._emit_ops(self._program.states[name])
                    self._emit_select(self._program.states[name], arm)

    # -- transitions --------------------------------------------------------------------------------------------

    def _emit_select(self, state: ir.ParserState, arm: Callable[[str | None], list[str]]) -> None:
        for expr, _ in state.key:
            self._check_lookahead(expr)
        keys = [self._statements.expressions.value(expr).text for expr, _ in state.key]
        arms = [(self._matches(state, item, keys), arm(item.next_state)) for item in state.transitions]
        self._writer.branch(arms, arm(state.default))

    def _matches(self, state: ir.ParserState, transition: ir.Transition, keys: list[str]) -> str:
        if transition.value_set is not None:
            name = self._storage.bound(f"env.value_sets[{transition.value_set!r}].values", transition.value_set)
            wide = keys[0]
            for key, (_, width) in zip(keys[1:], state.key[1:], strict=True):
                wide = f"({wide} << {width} | {key})"
            return f"{wide} in {name}"
        tests: list[str] = []
        masks = transition.masks or tuple((1 << width) - 1 for _, width in state.key)
        for key, (_, width), value, mask in zip(keys, state.key, transition.values, masks, strict=True):
            if mask == (1 << width) - 1:
                tests.append(f"{key} == {value:#x}")
            elif mask:
                tests.append(f"{key} & {mask:#x} == {value & mask:#x}")
        return " and ".join(tests) or "True"

    # -- operations ---------------------------------------------------------------------------------------------

    def _emit_ops(self, state: ir.ParserState) -> None:
        self._statements.trace_fixed("parse", state.name)
        for op in state.ops:
            match op:
                case ir.Extract(header, is_stack):
                    if is_stack:
                        self._extract_next(header)
                    else:
                        self._extract(self._storage.headers[header])
                case ir.Advance(bits):
                    self._advance(bits)
                case ir.Verify(condition, error):
                    self._check_lookahead(op)
                    with self._writer.block(f"if not {self._statements.expressions.condition(condition)}:"):
                        self._fail(self._statements.expressions.value(error).text)
                case _:
                    self._check_lookahead(op)
                    self._statements.emit(op)

    def _extract(self, variables: HeaderVars) -> None:
        header = variables.header
        octets = header.width // 8
        self._need(octets)
        start = self._position()
        end = self._position(octets)
        wanted = [field for field in header.fields if field.name in variables.fields and field.width]
        source = f"data[{start}:{end}]"
        is_plain = len(header.fields) == 1 and not header.fields[0].is_signed
        if variables.raw:
            self._writer.line(f"{self._storage.write(variables.raw)} = {source}")
            source = variables.raw
        if variables.rest:
            self._writer.line(f'{self._storage.write(variables.rest)} = wide = from_bytes({source}, "big")')
        elif wanted and not is_plain:
            self._writer.line(f'wide = from_bytes({source}, "big")')
        elif wanted:
            self._writer.line(f'{self._storage.write(variables.fields[wanted[0].name])} = from_bytes({source}, "big")')
        for field in [] if is_plain and not variables.rest else wanted:
            shift = header.width - field.offset - field.width
            text = f"wide >> {shift}" if shift else "wide"
            if field.offset:
                text = f"{f'({text})' if shift else text} & {(1 << field.width) - 1:#x}"
            if field.is_signed:
                half = 1 << (field.width - 1)
                text = f"(({text}) + {half:#x} & {2 * half - 1:#x}) - {half:#x}"
            self._writer.line(f"{self._storage.write(variables.fields[field.name])} = {text}")
        if variables.valid:
            self._writer.line(f"{self._storage.write(variables.valid)} = 1")
        if self._statements.maybe_valid is not None:
            self._statements.maybe_valid.add(header.name)
        self._move(octets)

    def _extract_next(self, stack: str) -> None:
        elements = self._program.stacks[stack].elements
        position = self._storage.write(self._storage.stack_next[stack])
        with self._writer.block(f"if {position} >= {len(elements)}:"):
            self._fail_with("StackOutOfBounds")
        known = self._offset
        for number, element in enumerate(elements):
            with self._writer.block(f"{'elif' if number else 'if'} {position} == {number}:"):
                self._offset = known
                self._extract(self._storage.headers[element])
        self._writer.line(f"{position} += 1")

    def _advance(self, bits: ir.Expr) -> None:
        value = self._statements.expressions.value(bits)
        if value.constant is not None:
            if value.constant % 8:
                with self._writer.block("if True:"):
                    self._fail_with("ParserInvalidArgument")
                return
            self._need(value.constant // 8)
            self._move(value.constant // 8)
            return
        self._flush()
        self._offset = None
        self._writer.line(f"key = {value.text}")
        with self._writer.block("if key & 7:"):
            self._fail_with("ParserInvalidArgument")
        with self._writer.block("if size - off < key >> 3:"):
            self._fail_with("PacketTooShort")
        self._writer.line("off += key >> 3")

    # -- position -----------------------------------------------------------------------------------------------

    def _position(self, ahead: int = 0) -> str:
        if self._offset is not None:
            return str(self._offset + ahead)
        return f"off + {ahead}" if ahead else "off"

    def _move(self, octets: int) -> None:
        if self._offset is not None:
            self._offset += octets
        elif octets:
            self._writer.line(f"off += {octets}")

    def _flush(self) -> None:
        """Store the position where it is a constant."""
        if self._offset is not None:
            self._writer.line(f"off = {self._offset}")

    def _need(self, octets: int) -> None:
        if octets:
            with self._writer.block(f"if size < {self._position(octets)}:"):
                self._fail_with("PacketTooShort")

    def _fail_with(self, error: str) -> None:
        self._fail(str(self._program.errors.get(error, 0)))
        self._note_error(error)

    def _note_error(self, error: str) -> None:
        """Tell the traced variant the name of the error, before the ``break`` that `_fail` wrote."""
        if self._statements.is_traced:
            last = self._writer.lines.pop()
            self._statements.trace_fixed("error", error)
            self._writer.lines.append(last)

    def _fail(self, code: str) -> None:
        self._flush()
        name = self._storage.intrinsic("parser_error")
        if name is not None:
            self._writer.line(f"{self._storage.write(name)} = {code}")
        self._writer.line("break")

    def _lookahead(self, item: ir.Lookahead) -> str:
        first, last = item.offset // 8, (item.offset + item.width + 7) // 8
        shift = 8 * last - item.offset - item.width
        text = f'from_bytes(data[{self._position(first)}:{self._position(last)}], "big")'
        if shift:
            text = f"({text} >> {shift})"
        return f"({text} & {(1 << item.width) - 1:#x})" if item.offset % 8 else text

    def _check_lookahead(self, node: object) -> None:
        """Write the check that the bits that a statement or select looks ahead at are there."""
        octets = [(item.offset + item.width + 7) // 8 for item in walk(node) if isinstance(item, ir.Lookahead)]
        if octets:
            self._need(max(octets))
