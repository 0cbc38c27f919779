# SPDX-License-Identifier: Apache-2.0
"""Widths of the P4 types that registers and digests hold (P4Runtime 1.5, section 8.5)."""

from __future__ import annotations

from dataclasses import dataclass

from finsy.proto import p4t


@dataclass(frozen=True, slots=True)
class BitType:
    """A number of some width, signed or not."""

    width: int
    is_signed: bool = False


def bit_type(spec: p4t.P4DataTypeSpec, types: p4t.P4TypeInfo) -> BitType | None:
    """The number that a type comes down to, or None for a type that is no single number."""
    match spec.WhichOneof("type_spec"):
        case "bitstring":
            match spec.bitstring.WhichOneof("type_spec"):
                case "bit":
                    return BitType(spec.bitstring.bit.bitwidth)
                case "int":
                    return BitType(spec.bitstring.int.bitwidth, is_signed=True)
        case "new_type" if spec.new_type.name in types.new_types:
            new_type = types.new_types[spec.new_type.name]
            if new_type.WhichOneof("representation") == "original_type":
                return bit_type(new_type.original_type, types)
            if new_type.translated_type.WhichOneof("sdn_type") == "sdn_bitwidth":
                return BitType(new_type.translated_type.sdn_bitwidth)
        case "serializable_enum" if spec.serializable_enum.name in types.serializable_enums:
            return BitType(types.serializable_enums[spec.serializable_enum.name].underlying_type.bitwidth)
    return None


def member_types(spec: p4t.P4DataTypeSpec, types: p4t.P4TypeInfo) -> list[BitType | None]:
    """The numbers that a struct, tuple or single number is made of, in declaration order."""
    match spec.WhichOneof("type_spec"):
        case "struct" if spec.struct.name in types.structs:
            return [bit_type(member.type_spec, types) for member in types.structs[spec.struct.name].members]
        case "tuple":
            return [bit_type(member, types) for member in spec.tuple.members]
        case _:
            return [bit_type(spec, types)]
