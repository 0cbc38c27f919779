# SPDX-License-Identifier: Apache-2.0
"""The OpenConfig interfaces tree as far as this switch has it: names, numbers, states and counters of its ports.

`state/id` and `state/ifindex` are both the P4Runtime port number (openconfig-p4rt calls it id). An interface is always
enabled: a switch port has no administrative state of its own here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from finsy.proto import gnmi

from softswitch.gnmi.errors import unimplemented
from softswitch.gnmi.paths import LeafName, Pattern, leaf_path
from softswitch.ports.base import PortState


class PortSource(Protocol):
    """The switch, as gNMI sees it."""

    def port_states(self) -> list[PortState]:
        """Every port as it is now, in the order of their numbers."""

    def watch_ports(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back after a port came, went, or changed its state; the answer ends that."""


@dataclass(frozen=True, slots=True)
class Counter64:
    """A counter; JSON_IETF writes 64-bit numbers as strings (RFC 7951, section 6.1)."""

    count: int


Value = str | bool | int | Counter64
Key = tuple[str, LeafName]
"""One leaf of one interface."""

_STATE_LEAVES: Mapping[str, Callable[[PortState], Value]] = {
    "name": lambda port: port.name,
    "id": lambda port: port.number,
    "ifindex": lambda port: port.number,
    "enabled": lambda port: True,
    "admin-status": lambda port: "UP",
    "oper-status": lambda port: "UP" if port.is_up else "DOWN",
}
_COUNTERS: Mapping[str, Callable[[PortState], int]] = {
    "in-pkts": lambda port: port.counters.rx_frames,
    "in-octets": lambda port: port.counters.rx_bytes,
    "in-errors": lambda port: port.counters.rx_errors,
    "out-pkts": lambda port: port.counters.tx_frames,
    "out-octets": lambda port: port.counters.tx_bytes,
    "out-errors": lambda port: port.counters.tx_errors,
    "out-discards": lambda port: port.counters.tx_drops,
}


def _count(read: Callable[[PortState], int]) -> Callable[[PortState], Value]:
    return lambda port: Counter64(read(port))


CONFIG = "config"
STATE = "state"
_READERS: dict[LeafName, Callable[[PortState], Value]] = {
    ("name",): lambda port: port.name,
    (CONFIG, "name"): lambda port: port.name,
    (CONFIG, "enabled"): lambda port: True,
    **{(STATE, name): read for name, read in _STATE_LEAVES.items()},
    **{(STATE, "counters", name): _count(read) for name, read in _COUNTERS.items()},
}
LEAVES: tuple[LeafName, ...] = tuple(_READERS)


def is_counter(leaf: LeafName) -> bool:
    """Whether a leaf counts, so that it is sampled rather than told on change."""
    return leaf[:2] == (STATE, "counters")


def read_leaves(ports: Iterable[PortState], pattern: Pattern, leaves: Iterable[LeafName]) -> dict[Key, Value]:
    """The values of some leaves on the interfaces that a path names."""
    wanted = tuple(leaves)
    return {
        (port.name, leaf): _READERS[leaf](port)
        for port in ports
        if pattern.interface in (None, port.name)
        for leaf in wanted
    }


def check_encoding(encoding: gnmi.Encoding.ValueType) -> None:
    """Raise GnmiError for an encoding that is not served."""
    if encoding not in _SERVED:
        known = ", ".join(gnmi.Encoding.Name(number) for number in ENCODINGS)
        name = gnmi.Encoding.Name(encoding) if encoding in gnmi.Encoding.values() else str(encoding)
        raise unimplemented(f"encoding {name} is not served; there are {known}")


ENCODINGS = (gnmi.Encoding.PROTO, gnmi.Encoding.JSON_IETF)
_SERVED = (*ENCODINGS, gnmi.Encoding.JSON)
"""JSON is what a request that names no encoding holds (it is number 0); like Stratum, such a one gets plain scalars."""


def encode(key: Key, value: Value, encoding: gnmi.Encoding.ValueType) -> gnmi.Update:
    """A leaf as an update."""
    return gnmi.Update(path=leaf_path(*key), val=_typed(value, encoding))


def _typed(value: Value, encoding: gnmi.Encoding.ValueType) -> gnmi.TypedValue:
    if encoding == gnmi.Encoding.JSON_IETF:
        return gnmi.TypedValue(
            json_ietf_val=json.dumps(str(value.count) if isinstance(value, Counter64) else value).encode()
        )
    plain = value.count if isinstance(value, Counter64) else value
    if isinstance(plain, bool):
        return gnmi.TypedValue(bool_val=plain)
    if isinstance(plain, int):
        return gnmi.TypedValue(uint_val=plain)
    return gnmi.TypedValue(string_val=plain)
