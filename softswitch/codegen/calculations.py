# SPDX-License-Identifier: Apache-2.0
"""Hashes and checksums: collecting the input bits, leaving out those of invalid headers."""

from __future__ import annotations

from itertools import groupby

from softswitch import ir
from softswitch.codegen.expressions import Expressions
from softswitch.codegen.storage import Storage
from softswitch.codegen.text import Writer

CHECKSUMS = frozenset({"csum16", "cksum16"})


class Calculations:
    """Emits code that computes a calculation."""

    def __init__(self, storage: Storage, expressions: Expressions, writer: Writer) -> None:
        self._storage = storage
        self._expressions = expressions
        self._writer = writer

    def emit(self, calculation: ir.Calculation, condition: ir.Expr | None = None) -> str:
        """Write what is needed and return an expression for the result; ``condition`` is known to hold."""
        assumed = {self._storage.headers[name].valid for name in _valid_headers(condition)}
        has_payload = any(item.value is None and item.header is None for item in calculation.inputs)
        inputs = [item for item in calculation.inputs if item.value is not None or item.header is not None]
        owners = ["" if (owner := self._owner(item)) in assumed else owner for item in inputs]
        is_aligned = sum(item.width for item in inputs) % 16 == 0
        if calculation.algorithm in CHECKSUMS and not any(owners) and (is_aligned or not has_payload):
            terms = self._checksum_terms(inputs)
            if has_payload:
                terms.append("sum16(data[off:])")
                self._storage.read("off")
            return f"fold16({' + '.join(terms) or '0'})"
        self._emit_bits(inputs, owners)
        if calculation.algorithm in CHECKSUMS and not has_payload:
            return "fold16(wide << (-bits % 16))"
        text = "(wide << (-bits % 8)).to_bytes((bits + 7) // 8, 'big')"
        if has_payload:
            text += " + data[off:]"
            self._storage.read("off")
        function = self._storage.bound(
            f"env.hashes[{calculation.name!r}]", f"{calculation.algorithm}_{calculation.name}"
        )
        return f"{function}({text})"

    def _owner(self, item: ir.CalculationInput) -> str:
        """Return the validity variable that an input depends on, empty where it is always there."""
        name = item.header or (item.value.header if isinstance(item.value, ir.FieldRef) else "")
        return self._storage.headers[name].valid if name else ""

    def _text(self, item: ir.CalculationInput) -> str:
        if item.header is not None:
            return self._expressions.whole(item.header)
        if isinstance(item.value, ir.FieldRef):
            info = self._storage.info(item.value)
            return self._expressions.unsigned(self._expressions.value(item.value), info)
        return self._expressions.value(item.value or ir.Const(0)).text

    def _checksum_terms(self, inputs: list[ir.CalculationInput]) -> list[str]:
        """Return summands of a ones' complement sum: a field counts by its place modulo 16 bits, as 2**16 is 1."""
        remaining = sum(item.width for item in inputs)
        remaining += -remaining % 16
        terms: list[str] = []
        for item in inputs:
            remaining -= item.width
            text = self._text(item)
            if text == "0":
                continue
            shift = remaining % 16
            terms.append(f"({text} << {shift})" if shift else text)
        return terms

    def _emit_bits(self, inputs: list[ir.CalculationInput], owners: list[str]) -> None:
        """Write code that puts the input bits into ``wide`` and their number into ``bits``."""
        is_first = True
        for owner, group in groupby(zip(owners, inputs, strict=True), key=lambda pair: pair[0]):
            items = [item for _, item in group]
            width = sum(item.width for item in items)
            if owner and is_first:
                self._writer.line("wide = bits = 0")
            shift = width
            terms: list[str] = []
            for item in items:
                shift -= item.width
                text = self._text(item)
                if text != "0":
                    terms.append(f"{text} << {shift}" if shift else text)
            joined = " | ".join(terms) or "0"
            if owner:
                with self._writer.block(f"if {self._storage.read(owner)}:"):
                    self._append(joined, width, is_first=is_first)
            else:
                self._append(joined, width, is_first=is_first)
            is_first = False
        if is_first:
            self._writer.line("wide = bits = 0")

    def _append(self, joined: str, width: int, *, is_first: bool) -> None:
        if is_first:
            self._writer.line(f"wide = {joined}")
            self._writer.line(f"bits = {width}")
        else:
            self._writer.line(f"wide = wide << {width} | {joined}")
            self._writer.line(f"bits += {width}")


def _valid_headers(condition: ir.Expr | None) -> set[str]:
    """Return headers that must be valid where a condition holds."""
    match condition:
        case ir.IsValid(str(header)):
            return {header}
        case ir.Unary("d2b", operand):
            return _valid_headers(operand)
        case ir.Binary("and", left, right):
            return _valid_headers(left) | _valid_headers(right)
    return set()
