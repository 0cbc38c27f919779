# SPDX-License-Identifier: Apache-2.0
"""What the rest of the reader looks names up in: headers, stacks, aliases, and the list of problems found."""

from __future__ import annotations

from softswitch import ir
from softswitch.errors import InvalidProgramError
from softswitch.reader.json_view import JsonView

PLACEHOLDER = ir.Const(0)
"""Stands for what is unsupported, so that reading goes on and finds the next problem."""


class Scope:
    """Names of a program while it is read.

    :ivar unsupported: one line per feature that the engine does not have; never empty-handed: the program is
        refused at the end of reading if there is any.
    """

    def __init__(self) -> None:
        self.headers: dict[str, ir.Header] = {}
        self.headers_by_id: dict[int, str] = {}
        self.stacks: dict[str, ir.Stack] = {}
        self.aliases: dict[str, ir.FieldRef] = {}
        self.calculations: dict[str, ir.Calculation] = {}
        self.counters: dict[str, int] = {}
        self.direct_counters: dict[str, str] = {}
        self.meters: dict[str, ir.MeterInfo] = {}
        self.registers: dict[str, tuple[int, int]] = {}
        self.value_sets: dict[str, int] = {}
        self.varbit_headers: set[str] = set()
        self.unsupported: dict[str, None] = {}

    def refuse(self, feature: str, where: str) -> None:
        """Note something that the engine does not do."""
        self.unsupported[f"{feature} ({where})"] = None

    def header(self, view: JsonView) -> ir.Header:
        """Return the header instance that a string names."""
        header = self.headers.get(view.text())
        if header is None:
            raise view.wrong("the name of a header instance")
        return header

    def stack(self, view: JsonView) -> ir.Stack:
        """Return the header stack that a string names."""
        stack = self.stacks.get(view.text())
        if stack is None:
            raise view.wrong("the name of a header stack")
        return stack

    def require_same_type(self, left: str, right: str, view: JsonView) -> None:
        """Refuse an operation on two headers of different types."""
        if self.headers[left].type_name != self.headers[right].type_name:
            raise view.wrong(f"headers of one type, which {left} and {right} are not")

    def element(self, stack: ir.Stack) -> ir.Header:
        """Return the first element of a stack, which stands for the type of all."""
        return self.headers[stack.elements[0]]

    def stack_field(self, stack: ir.Stack, name: str, view: JsonView) -> ir.HeaderField:
        """Return a field of a stack's elements."""
        field = self.element(stack).field(name)
        if field is None:
            raise view.wrong(f"a field of the elements of {stack.name}")
        return field

    def reference(self, view: JsonView) -> ir.FieldRef | ir.IsValid:
        """Return the field that a pair of names stands for, aliases and ``$valid$`` resolved."""
        header_name, field_name = view.pair()
        if field_name == "$valid$":
            if header_name not in self.headers:
                raise view.wrong("the validity of a header instance")
            return ir.IsValid(header_name)
        alias = self.aliases.get(f"{header_name}.{field_name}")
        if alias is not None:
            return alias
        header = self.headers.get(header_name)
        if header is None or header.field(field_name) is None:
            raise view.wrong("a field of a header instance")
        return ir.FieldRef(header_name, field_name)

    def field(self, view: JsonView) -> ir.FieldRef:
        """Return a field that can be written."""
        reference = self.reference(view)
        if not isinstance(reference, ir.FieldRef):
            raise view.wrong("a field, which a header's validity is not")
        return reference

    def field_info(self, reference: ir.FieldRef) -> ir.HeaderField:
        """Return width and place of a field."""
        field = self.headers[reference.header].field(reference.field)
        if field is None:
            raise InvalidProgramError([f"{reference.header} has no field {reference.field}"])
        return field

    def width(self, reference: ir.FieldRef | ir.IsValid) -> int:
        """Return the width of a field in bits; validity has 1."""
        return 1 if isinstance(reference, ir.IsValid) else self.field_info(reference).width
