# SPDX-License-Identifier: Apache-2.0
"""The generated module: the functions of the packet path, and what they bind from a switch.

The shape of the result::

    def bind(env, trace):
        ...names of tables, counters...
        def egress(out, data, off, size, limit, port, rid, <header variables>): ...
        def clone_ingress(out, port, data, session, kept, list): ...     # only if the program clones at ingress
        def ingress(out, port, data, ...): ...
        def process(port, data): ...
        return process

What follows ingress and egress is the order of BMv2's simple_switch: clone, digest, resubmit, multicast, drop, unicast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from softswitch import ir
from softswitch.codegen.control import PipelineWriter
from softswitch.codegen.parser import ParserWriter
from softswitch.codegen.statements import Statements
from softswitch.codegen.storage import Function, Storage
from softswitch.codegen.text import Writer
from softswitch.codegen.usage import Usage

NORMAL, INGRESS_CLONE, EGRESS_CLONE, RECIRCULATED, REPLICATED, RESUBMITTED = 0, 1, 2, 4, 5, 6

EGRESS_CALL = "@egress-arguments@"
"""Stands for the variables that egress takes, in calls that are written before they are known."""

OWN_STATE = {
    "clone_session": "-1",
    "clone_list": "0",
    "resubmit_list": "0",
    "recirculate_list": "0",
    "digest_list": "0",
    "limit": "None",
}
"""Variables of the packet path itself with their values at the start of each pipeline."""


def generate(program: ir.ProgramIr, codes: Mapping[str, int], *, is_traced: bool) -> str:
    """Return the source of a module whose ``bind`` makes the packet path of a program."""
    return _Module(program, codes, is_traced=is_traced).generate()


@dataclass
class _Part:
    """A function under construction: its body and the variables in it."""

    lines: list[str]
    function: Function


class _Module:
    def __init__(self, program: ir.ProgramIr, codes: Mapping[str, int], *, is_traced: bool) -> None:
        self._program = program
        self._codes = codes
        self._usage = Usage(program)
        self._storage = Storage(program, self._usage)
        self._writer = Writer()
        self._statements = Statements(self._storage, self._writer, is_traced=is_traced)
        usage = self._usage
        self._clones_at_ingress = usage.has(ir.Clone, "ingress")
        self._clones_at_egress = usage.has(ir.Clone, "egress")
        self._resubmits = usage.has(ir.Resubmit, "ingress")
        self._recirculates = usage.has(ir.Recirculate, "egress")
        self._loops = self._resubmits or self._recirculates or self._clones_at_egress

    # -- the whole ----------------------------------------------------------------------------------------------

    def generate(self) -> str:
        # Everything below sits inside ``def bind`` and one function, so two levels deep.
        with self._writer.indented(), self._writer.indented():
            egress = self._part(self._egress)
            clone = self._part(self._clone_ingress) if self._clones_at_ingress else None
            ingress = self._part(self._ingress)
        given = {**ingress.function.assigned, **(clone.function.assigned if clone else {})}
        if self._clones_at_egress:
            given.update(egress.function.assigned)
        params = [name for name in egress.function.used if name in given and name not in {"off", *OWN_STATE}]
        for part in (ingress, clone):
            if part is not None:
                part.function.used.update(dict.fromkeys(params))
        writer = Writer()
        writer.line("from softswitch.runtime.support import *")
        writer.line("")
        writer.line("")
        with writer.block("def bind(env, trace):"):
            for text, name in self._storage.bindings.items():
                writer.line(f"{name} = {text}")
            writer.line("now_us = env.now_us")
            writer.line("random_between = env.random_between")
            writer.line("groups_get = env.multicast.get")
            writer.line("sessions_get = env.clone_sessions.get")
            writer.line(f"DROP_SPEC = env.drop_port & {self._storage.intrinsic_mask('egress_spec'):#x}")
            writer.line(f"NOT_DROPPED = env.drop_port + 1 & {self._storage.intrinsic_mask('egress_spec'):#x}")
            egress_params = ["out", "data", "off", "size", "limit", "port", "rid", *params]
            self._function(writer, "egress", egress_params, egress, params)
            if clone is not None:
                base = ["out", "port", "data", "session", "clone_list", "kept"]
                self._function(writer, "clone_ingress", base, clone, params)
            extra = ["instance=0", "kept_list=0", "kept=()"] if self._loops else []
            self._function(writer, "ingress", ["out", "port", "data", *extra], ingress, params)
            writer.line("")
            with writer.block("def process(port, data):"):
                writer.line("out = Output()" if self._loops else "out = []")
                writer.line("ingress(out, port, data)")
                writer.line("return out")
            writer.line("")
            writer.line("return process")
        return str(writer)

    def _part(self, emit: Callable[[], None]) -> _Part:
        self._storage.function = Function()
        self._writer.lines = []
        emit()
        return _Part(self._writer.lines, self._storage.function)

    @staticmethod
    def _function(writer: Writer, name: str, base: list[str], part: _Part, params: list[str]) -> None:
        writer.line("")
        with writer.block(f"def {name}({', '.join(base)}):"):
            taken = {item.split("=")[0] for item in base}
            zeroed: list[str] = []
            for variable in part.function.used:
                if variable in taken or variable in ("off", "size"):
                    continue
                if variable in OWN_STATE:
                    writer.line(f"{variable} = {OWN_STATE[variable]}")
                elif variable != "packet_size":
                    zeroed.append(variable)
            for start in range(0, len(zeroed), 8):
                writer.line(f"{' = '.join(zeroed[start : start + 8])} = 0")
            joined = "".join(f", {item}" for item in params)
            writer.lines.extend(line.replace(EGRESS_CALL, joined) for line in part.lines)

    # -- ingress ------------------------------------------------------------------------------------------------

    def _ingress(self) -> None:
        self._start_ingress()
        if self._storage.intrinsic("instance_type") and self._loops:
            self._set("instance_type", "instance")
        if self._loops:
            self._restore("kept_list", "kept", (self._resubmits, self._recirculates))
        self._parse()
        PipelineWriter(self._statements, self._program.ingress, self._codes).emit()
        self._after_ingress()

    def _start_ingress(self) -> None:
        writer, storage = self._writer, self._storage
        writer.line("size = len(data)")
        if storage.tracks_size:
            writer.line(f"{storage.write('packet_size')} = size")
        if self._loops:
            self._statements.trace("ingress", "", detail="INSTANCE_TYPES[instance]")
            with writer.block("if instance:"):
                self._set("ingress_port", "0")
            with writer.block("else:"):
                self._set("ingress_port", f"port & {storage.intrinsic_mask('ingress_port'):#x}")
        else:
            self._statements.trace_fixed("ingress", "", detail="'normal'")
            self._set("ingress_port", f"port & {storage.intrinsic_mask('ingress_port'):#x}")
        self._set("packet_length", f"size & {storage.intrinsic_mask('packet_length'):#x}")
        if storage.intrinsic("ingress_timestamp"):
            self._set("ingress_timestamp", f"now_us() & {storage.intrinsic_mask('ingress_timestamp'):#x}")

    def _parse(self) -> None:
        ParserWriter(self._statements).emit()
        self._storage.read("off")
        error = self._storage.intrinsic("checksum_error")
        if error is None:
            return
        for checksum in self._program.checksums:
            if checksum.is_verified:
                self._verify(checksum, error)

    def _verify(self, checksum: ir.Checksum, error: str) -> None:
        valid = self._storage.headers[checksum.target.header].valid
        condition = self._checksum_condition(checksum)
        tests = [text for text in (valid and self._storage.read(valid), condition) if text]
        with self._writer.block(f"if {' and '.join(tests) or 'True'}:"):
            result = self._statements.calculations.emit(
                self._program.calculations[checksum.calculation], checksum.condition
            )
            actual = self._statements.expressions.value(checksum.target).text
            with self._writer.block(f"if {result} != {actual}:"):
                self._writer.line(f"{self._storage.write(error)} = 1")

    def _checksum_condition(self, checksum: ir.Checksum) -> str:
        if checksum.condition is None:
            return ""
        text = self._statements.expressions.condition(checksum.condition)
        return "" if text == "True" else text

    def _after_ingress(self) -> None:
        writer, storage = self._writer, self._storage
        if self._clones_at_ingress:
            with writer.block(f"if {storage.read('clone_session')} >= 0:"):
                writer.line("session = sessions_get(clone_session)")
                with writer.block("if session is not None:"):
                    self._keep("clone_list")
                    self._statements.trace("copy", "clone", detail="f'session {clone_session}'")
                    writer.line("clone_ingress(out, port, data, session, clone_list, kept)")
        if self._usage.has(ir.SendDigest, "ingress"):
            self._send_digests()
        if self._resubmits:
            with writer.block(f"if {storage.read('resubmit_list')}:"):
                self._keep("resubmit_list")
                self._statements.trace_fixed("copy", "resubmit")
                with writer.block("if out.take_pass():"):
                    writer.line(f"ingress(out, port, data, {RESUBMITTED}, resubmit_list, kept)")
                writer.line("return")
        self._forward()

    def _forward(self) -> None:
        writer, storage = self._writer, self._storage
        limit = "limit" if self._usage.has(ir.Truncate, "parser", "ingress") else "None"
        if limit == "limit":
            storage.read("limit")
        group = storage.intrinsic("mcast_grp")
        if group is not None and self._is_written(group, "mcast_grp"):
            with writer.block(f"if {storage.read(group)}:"):
                self._set("instance_type", str(REPLICATED))
                self._statements.trace("copy", "multicast", detail=f"f'group {{{group}}}'")
                with writer.block(f"for replica in groups_get({group}, ()):"):
                    writer.line(f"egress(out, data, off, size, {limit}, replica.port, replica.instance{EGRESS_CALL})")
                writer.line("return")
        spec = storage.read(storage.intrinsic("egress_spec") or "")
        with writer.block(f"if {spec} == DROP_SPEC:"):
            self._statements.trace_fixed("drop", "ingress")
            writer.line("return")
        self._set("instance_type", str(NORMAL))
        writer.line(f"egress(out, data, off, size, {limit}, {spec}, 0{EGRESS_CALL})")

    def _is_written(self, name: str, key: str) -> bool:
        reference = self._program.intrinsics[key]
        return bool(name) and (reference.header, reference.field) in self._usage.writes

    def _send_digests(self) -> None:
        writer = self._writer
        self._storage.read("digest_list")
        for number, digest in self._program.digests.items():
            with writer.block(f"if digest_list == {number}:"):
                values = ", ".join(self._list_value(item) for item in digest.fields)
                writer.line(f"env.send_digest({digest.name!r}, ({values}{',' if digest.fields else ''}))")

    def _list_value(self, item: ir.FieldRef | ir.Const | ir.IsValid) -> str:
        value = self._statements.expressions.value(item)
        if isinstance(item, ir.FieldRef):
            return self._statements.expressions.unsigned(value, self._storage.info(item))
        return value.text

    # -- field lists --------------------------------------------------------------------------------------------

    def _kept(self, field_list: ir.FieldList) -> list[str]:
        """Return the variables of a field list, those that nobody reads left out."""
        names = (
            self._storage.field(item.header, item.field) for item in field_list.fields if isinstance(item, ir.FieldRef)
        )
        return [name for name in names if name is not None]

    def _keep(self, selector: str) -> None:
        """Write code that packs the fields of the selected list into ``kept``."""
        self._storage.read(selector)
        self._writer.line("kept = ()")
        for number, field_list in self._program.field_lists.items():
            names = self._kept(field_list)
            if names:
                with self._writer.block(f"if {selector} == {number}:"):
                    joined = ", ".join(self._storage.read(name) for name in names)
                    self._writer.line(f"kept = ({joined},)")

    def _restore(self, selector: str, kept: str, needs: Iterable[bool]) -> None:
        """Write code that unpacks what `_keep` packed."""
        if not any(needs):
            return
        for number, field_list in self._program.field_lists.items():
            names = self._kept(field_list)
            if names:
                with self._writer.block(f"if {selector} == {number}:"):
                    self._writer.line(f"{', '.join(self._storage.write(name) for name in names)}, = {kept}")

    def _reset_metadata(self) -> None:
        names = [
            self._storage.write(name)
            for variables in self._storage.headers.values()
            if variables.header.is_metadata
            for name in variables.fields.values()
        ]
        for start in range(0, len(names), 8):
            self._writer.line(f"{' = '.join(names[start : start + 8])} = 0")

    # -- ingress clones -----------------------------------------------------------------------------------------

    def _clone_ingress(self) -> None:
        """Parse the original packet again, then keep only the field list's metadata."""
        writer = self._writer
        writer.line("size = len(data)")
        self._set("ingress_port", f"port & {self._storage.intrinsic_mask('ingress_port'):#x}")
        self._parse()
        self._reset_metadata()
        self._restore("clone_list", "kept", (True,))
        self._set("instance_type", str(INGRESS_CLONE))
        if self._storage.tracks_size:
            writer.line(f"{self._storage.write('packet_size')} = size")
        self._send_replicas()

    def _send_replicas(self) -> None:
        self._writer.line("limit = session.packet_length_bytes or None")
        with self._writer.block("for replica in session.replicas:"):
            self._writer.line(f"egress(out, data, off, size, limit, replica.port, replica.instance{EGRESS_CALL})")

    # -- egress -------------------------------------------------------------------------------------------------

    def _egress(self) -> None:
        writer, storage = self._writer, self._storage
        self._statements.trace("egress", "", detail="f'port {port}'")
        self._set("egress_port", self._masked("port", "egress_port"))
        self._set("egress_rid", self._masked("rid", "egress_rid"))
        spec = storage.intrinsic("egress_spec")
        if spec is not None:
            writer.line(f"{storage.write(spec)} = NOT_DROPPED")
        for key in ("egress_timestamp", "enq_timestamp"):
            if storage.intrinsic(key):
                self._set(key, f"now_us() & {storage.intrinsic_mask(key):#x}")
        for key in ("enq_qdepth", "deq_timedelta", "deq_qdepth", "qid"):
            self._set(key, "0")
        if storage.tracks_size:
            storage.read("packet_size")
            self._set("packet_length", f"packet_size & {storage.intrinsic_mask('packet_length'):#x}")
        PipelineWriter(self._statements, self._program.egress, self._codes).emit()
        if self._clones_at_egress:
            self._clone_egress()
        if spec is not None:
            with writer.block(f"if {spec} == DROP_SPEC:"):
                self._statements.trace_fixed("drop", "egress")
                writer.line("return")
        self._deparse()
        if self._recirculates:
            with writer.block(f"if {storage.read('recirculate_list')}:"):
                self._keep("recirculate_list")
                self._statements.trace_fixed("copy", "recirculate")
                with writer.block("if out.take_pass():"):
                    writer.line(f"ingress(out, port, frame, {RECIRCULATED}, recirculate_list, kept)")
                writer.line("return")
        self._statements.trace("output", "", detail="f'port {port} length {len(frame)}'")
        writer.line("out.append((port, frame))")

    def _masked(self, name: str, key: str) -> str:
        return f"{name} & {self._storage.intrinsic_mask(key):#x}" if self._storage.intrinsic(key) else name

    def _clone_egress(self) -> None:
        """Send a copy with the headers as they are now through egress again; metadata is reset but for the list."""
        writer, storage = self._writer, self._storage
        with writer.block(f"if {storage.read('clone_session')} >= 0:"):
            writer.line("session = sessions_get(clone_session)")
            with writer.block("if session is not None and out.take_pass():"):
                metadata = [
                    name
                    for variables in storage.headers.values()
                    if variables.header.is_metadata
                    for name in variables.fields.values()
                    if name in storage.function.used
                ]
                self._statements.trace("copy", "clone", detail="f'session {clone_session}'")
                if metadata:
                    writer.line(f"saved = ({', '.join(metadata)},)")
                self._keep("clone_list")
                if metadata:
                    writer.line(f"{' = '.join(metadata)} = 0")
                self._restore("clone_list", "kept", (True,))
                self._set("instance_type", str(EGRESS_CLONE))
                with writer.block("for replica in session.replicas:"):
                    call = f"replica.port, replica.instance{EGRESS_CALL}"
                    writer.line(f"egress(out, data, off, size, session.packet_length_bytes or None, {call})")
                if metadata:
                    writer.line(f"{', '.join(metadata)}, = saved")

    def _deparse(self) -> None:
        writer, storage = self._writer, self._storage
        for checksum in self._program.checksums:
            if checksum.is_updated:
                self._update(checksum)
        self._statements.emit_body(self._program.deparse_ops)
        writer.line("parts = []")
        for name in self._program.deparse_order:
            variables = storage.headers[name]
            octets = variables.header.width // 8
            if not octets:
                continue
            if variables.raw:
                text = storage.read(variables.raw)
            else:
                text = f'{self._statements.expressions.whole(name)}.to_bytes({octets}, "big")'
            head = f"if {storage.read(variables.valid)}:" if variables.valid else "if True:"
            with writer.block(head):
                writer.line(f"parts.append({text})")
        writer.line("parts.append(data[off:])")
        writer.line('frame = b"".join(parts)')
        with writer.block("if limit is not None:"):
            writer.line("frame = frame[:limit]")

    def _update(self, checksum: ir.Checksum) -> None:
        if self._storage.field(checksum.target.header, checksum.target.field) is None:
            return
        calculation = self._program.calculations[checksum.calculation]
        condition = self._checksum_condition(checksum)
        target = self._storage.field(checksum.target.header, checksum.target.field)
        mask = (1 << self._storage.info(checksum.target).width) - 1
        with self._writer.block(f"if {condition}:" if condition else "if True:"):
            result = self._statements.calculations.emit(calculation, checksum.condition)
            self._writer.line(f"{self._storage.write(target or '')} = {result} & {mask:#x}")

    def _set(self, key: str, text: str) -> None:
        """Write a field of the architecture, if anybody reads it."""
        name = self._storage.intrinsic(key)
        if name is not None:
            self._writer.line(f"{self._storage.write(name)} = {text}")
