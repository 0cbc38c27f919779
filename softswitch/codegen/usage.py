# SPDX-License-Identifier: Apache-2.0
"""What a program really uses: fields read, fields written, headers copied, externs called.

The analysis ignores the order of statements. It decides what becomes a local variable and what is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from softswitch import ir

FieldName = tuple[str, str]


def walk(node: object) -> Iterator[object]:
    """Yield a node of the typed program and everything inside it."""
    yield node
    if is_dataclass(node):
        for field in fields(node):
            yield from walk(getattr(node, field.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from walk(item)


def statements(program: ir.ProgramIr) -> Iterator[tuple[str, ir.ParserOp]]:
    """Yield every reachable statement with the part it belongs to: parser, ingress, egress or deparser."""
    for state in program.states.values():
        for op in state.ops:
            yield "parser", op
    for part, pipeline in (("ingress", program.ingress), ("egress", program.egress)):
        for action_id in sorted(ir.used_actions(pipeline)):
            for statement in program.actions[action_id].body:
                yield part, statement
    for statement in program.deparse_ops:
        yield "deparser", statement


class Usage:
    """The result of the analysis.

    :ivar reads: header fields whose value somebody looks at, deparsing aside.
    :ivar egress_reads: those of them that egress or the deparser looks at.
    :ivar writes: header fields that something other than extraction changes.
    :ivar invalidated: headers that something makes invalid or overwrites as a whole.
    :ivar whole: headers of which every field counts: sent, compared, hashed, or copied to such a header.
    :ivar kinds: for each part of the program the types of statements in it.
    """

    def __init__(self, program: ir.ProgramIr) -> None:
        self._program = program
        self.reads: set[FieldName] = set()
        self.egress_reads: set[FieldName] = set()
        self._part = ""
        self.writes: set[FieldName] = set()
        self.invalidated: set[str] = set()
        self.whole: set[str] = set(program.deparse_order)
        self.kinds: dict[str, set[type]] = {part: set() for part in ("parser", "ingress", "egress", "deparser")}
        self._peers: dict[str, set[str]] = {}
        for stack in program.stacks.values():
            for element in stack.elements[1:]:
                self._join(stack.elements[0], element)
        for part, statement in statements(program):
            self.kinds[part].add(type(statement))
            self._part = part
            self._note_statement(statement)
        self._note_reads()
        self._spread(self.reads)
        self._spread(self.writes)

    def has(self, kind: type, *parts: str) -> bool:
        """True if a statement of that type occurs in one of the parts (in any where none is given)."""
        return any(kind in self.kinds[part] for part in parts or self.kinds)

    def is_read(self, reference: ir.FieldRef) -> bool:
        """True if somebody looks at a field."""
        return (reference.header, reference.field) in self.reads

    # -- collecting ---------------------------------------------------------------------------------------------

    def _note_statement(self, statement: ir.ParserOp) -> None:
        target = getattr(statement, "target", None)
        match statement:
            case ir.CopyHeader():
                self._join(statement.target, statement.source)
                self.invalidated.add(statement.target)
                return
            case ir.CopyStack():
                pairs = zip(self._elements(statement.target), self._elements(statement.source), strict=True)
                for left, right in pairs:
                    self._join(left, right)
                    self.invalidated.add(left)
                return
            case ir.ShiftStack():
                self.invalidated.update(self._elements(statement.stack))
            case ir.SetValidity(header, False):
                self.invalidated.update([header] if isinstance(header, str) else self._elements(header.stack))
            case ir.Hash():
                self._read_calculation(self._program.calculations[statement.calculation])
            case _:
                pass
        if isinstance(target, ir.FieldRef):
            self.writes.add((target.header, target.field))
        elif isinstance(target, ir.StackFieldRef):
            self.writes.update((element, target.field) for element in self._elements(target.stack))
        for field in fields(statement):
            value = getattr(statement, field.name)
            if value is not target:
                self._read(value)
            elif isinstance(value, ir.StackFieldRef):
                self._read(value.index)

    def _note_reads(self) -> None:
        program = self._program
        self._part = "parser"
        for state in program.states.values():
            self._read(state.key)
        for self._part, pipeline in (("ingress", program.ingress), ("egress", program.egress)):
            for node in pipeline.nodes:
                if isinstance(node, ir.ConditionNode):
                    self._read(node.condition)
                elif isinstance(node, ir.TableNode):
                    self._read(node.key)
                    selector = program.profiles[node.profile].selector if node.profile else None
                    if selector is not None:
                        self._read_calculation(selector)
        self._part = "ingress"
        for meter in program.meters.values():
            if meter.target is not None:
                self.writes.add((meter.target.header, meter.target.field))
        for key in ("egress_spec", "mcast_grp"):
            if key in program.intrinsics:
                self._read(program.intrinsics[key])
        self._part = "deparser"
        for checksum in program.checksums:
            self._note_checksum(checksum)
        if self.has(ir.Clone) or self.has(ir.Resubmit) or self.has(ir.Recirculate):
            for field_list in program.field_lists.values():
                self._read(field_list.fields)
                self.writes.update((ref.header, ref.field) for ref in field_list.fields if isinstance(ref, ir.FieldRef))
        if self.has(ir.SendDigest):
            for digest in program.digests.values():
                self._read(digest.fields)

    def _note_checksum(self, checksum: ir.Checksum) -> None:
        if checksum.is_updated:
            self.writes.add((checksum.target.header, checksum.target.field))
        error = self._program.intrinsics.get("checksum_error")
        if checksum.is_updated or (checksum.is_verified and error is not None and self._is_checksum_error_read(error)):
            self._read(checksum.condition)
            self._read_calculation(self._program.calculations[checksum.calculation])
            if checksum.is_verified:
                self._read(checksum.target)

    def _is_checksum_error_read(self, error: ir.FieldRef) -> bool:
        # Checksums are noted after everything else, so reads are complete but for other checksums.
        return self.is_read(error)

    def _read(self, node: object) -> None:
        for item in walk(node):
            if isinstance(item, ir.FieldRef):
                self.reads.add((item.header, item.field))
                if self._part in ("egress", "deparser"):
                    self.egress_reads.add((item.header, item.field))
            elif isinstance(item, ir.StackFieldRef):
                self.reads.update((element, item.field) for element in self._elements(item.stack))
            elif isinstance(item, ir.HeadersEqual):
                self.whole.update((item.left, item.right))
                self._join(item.left, item.right)

    def _read_calculation(self, calculation: ir.Calculation) -> None:
        for item in calculation.inputs:
            self._read(item.value)
            if item.header is not None:
                self.whole.add(item.header)

    def _elements(self, stack: str) -> tuple[str, ...]:
        return self._program.stacks[stack].elements

    # -- headers that are copied to each other have the same layout of variables --------------------------------

    def _join(self, left: str, right: str) -> None:
        group = self._peers.get(left, {left}) | self._peers.get(right, {right})
        for header in group:
            self._peers[header] = group

    def _spread(self, names: set[FieldName]) -> None:
        for header, field in list(names):
            names.update((peer, field) for peer in self._peers.get(header, ()))
        self.whole.update(peer for header in list(self.whole) for peer in self._peers.get(header, ()))
