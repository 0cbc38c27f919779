# SPDX-License-Identifier: Apache-2.0
"""Which local variables hold a header.

A header on the wire is kept in up to three forms at once:

- the bytes it was parsed from (``<header>_raw``), if no field of it is ever changed, to be sent as they are;
- an integer of the whole header (``<header>_rest``) for the fields that nothing changes, if others are changed;
- one integer per field that is changed, or that somebody reads.

Metadata has one integer per field that somebody reads, and nothing for the rest.
"""

from __future__ import annotations

import keyword
import re

from softswitch import ir
from softswitch.codegen.usage import Usage

# fmt: off
RESERVED = frozenset({
    "DROP_SPEC", "INSTANCE_TYPES", "NOT_DROPPED", "Output", "Step", "bind", "bits", "bool", "bytes", "chosen",
    "clone_ingress", "clone_list", "clone_session", "data", "digest_list", "divide", "egress", "entry",
    "entry_size", "env", "fold16", "format_message", "frame", "from_bytes", "group", "groups_get", "ingress",
    "instance", "int", "kept", "kept_list", "key", "len", "limit", "live", "max", "meter", "min", "modulo",
    "now_us", "off", "out", "packet_size", "parts", "pick", "port", "process", "random_between", "recirculate_list",
    "replica", "resubmit_list", "rid", "saved", "session", "sessions_get", "shift_left", "size", "slot", "state",
    "step", "steps", "sum16", "trace", "tuple", "turns", "wide",
})
# fmt: on
"""Names that generated code uses for itself."""


class Names:
    """Readable, unique Python identifiers."""

    def __init__(self) -> None:
        self._taken = set(RESERVED)

    def make(self, wanted: str) -> str:
        """Return the identifier closest to what is wanted that is still free."""
        base = re.sub(r"\W+", "_", wanted).strip("_") or "x"
        if base[0].isdigit():
            base = "_" + base
        name, number = base, 2
        while name in self._taken or keyword.iskeyword(name):
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name


class Function:
    """Variables that the function under construction reads and assigns."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}
        self.assigned: dict[str, None] = {}


class HeaderVars:
    """The variables of one header instance."""

    def __init__(self, header: ir.Header, usage: Usage, names: Names) -> None:
        self.header = header
        prefix = {ir.STANDARD_METADATA: "std", "scalars": "meta"}.get(header.name, header.name)
        is_whole = header.name in usage.whole
        written = {field.name for field in header.fields if (header.name, field.name) in usage.writes}
        read = {field.name for field in header.fields if (header.name, field.name) in usage.reads}
        if header.is_metadata:
            self.changing: frozenset[str] = frozenset(read)
            local = read
        else:
            self.changing = frozenset(written if is_whole else written & read)
            local = read | self.changing
        self.fields: dict[str, str] = {}
        for field in header.fields:
            if field.name in local:
                label = re.sub(r"^[A-Za-z]\w*\._?", "", field.name)
                self.fields[field.name] = names.make(f"{prefix}_{label}")
        self.valid = "" if header.is_metadata else names.make(f"{prefix}_valid")
        has_static = any(field.name not in self.changing for field in header.fields)
        self.raw = ""
        self.rest = ""
        if is_whole and not header.is_metadata and header.fields:
            if not self.changing:
                self.raw = names.make(f"{prefix}_raw")
            elif has_static:
                self.rest = names.make(f"{prefix}_rest")
        # A header that nothing makes invalid or writes to has zero fields whenever it is invalid.
        self.is_zero_when_invalid = not written and header.name not in usage.invalidated

    @property
    def all(self) -> list[str]:
        """All variables, in a fixed order."""
        return [name for name in (self.valid, self.raw, self.rest, *self.fields.values()) if name]


class Storage:
    """The variables of all headers and stacks, and of the packet path's own state."""

    def __init__(self, program: ir.ProgramIr, usage: Usage) -> None:
        self.program = program
        self.usage = usage
        self.names = Names()
        self.function = Function()
        self.headers = {name: HeaderVars(header, usage, self.names) for name, header in program.headers.items()}
        self.stack_next = {name: self.names.make(f"{name}_next") for name in program.stacks}
        self.bindings: dict[str, str] = {}
        self._intrinsics = program.intrinsics

    def bound(self, text: str, wanted: str) -> str:
        """Return a name for an expression that is evaluated once, when the program is bound to a switch."""
        name = self.bindings.get(text)
        if name is None:
            name = self.bindings[text] = self.names.make(wanted)
        return name

    def register_cells(self, register: str) -> str:
        """Return the name of a register's list of cells."""
        return self.bound(f"env.registers[{register!r}].cells", f"{register}_cells")

    def read(self, name: str) -> str:
        """Note that the current function reads a variable, and return it."""
        self.function.used[name] = None
        return name

    def write(self, name: str) -> str:
        """Note that the current function assigns a variable, and return it."""
        self.function.assigned[name] = None
        self.function.used[name] = None
        return name

    def field(self, header: str, field: str) -> str | None:
        """Return the variable of a field, None where nobody needs the field."""
        return self.headers[header].fields.get(field)

    def info(self, reference: ir.FieldRef) -> ir.HeaderField:
        """Return width and sign of a field."""
        field = self.program.headers[reference.header].field(reference.field)
        if field is None:
            raise KeyError(reference)
        return field

    def intrinsic(self, key: str) -> str | None:
        """Return the variable of a field of the architecture by its key in the reader, None where nobody needs it."""
        reference = self._intrinsics.get(key)
        return None if reference is None else self.field(reference.header, reference.field)

    def intrinsic_mask(self, key: str) -> int:
        """Return the mask of a field of the architecture."""
        return (1 << self.info(self._intrinsics[key]).width) - 1

    @property
    def tracks_size(self) -> bool:
        """True if the packet's length after adding and removing headers is needed."""
        reference = self._intrinsics["packet_length"]
        return (reference.header, reference.field) in self.usage.egress_reads
