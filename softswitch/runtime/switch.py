# SPDX-License-Identifier: Apache-2.0
"""One running switch: the state behind a program and the packet entry points."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from softswitch.runtime.externs import Counter, Digest, Meter, Register, ValueSet
from softswitch.runtime.profile import ActionProfile
from softswitch.runtime.replication import CloneSessions, MulticastGroups
from softswitch.runtime.table import Table
from softswitch.runtime.trace import Trace

_log = logging.getLogger(__name__)

Output = list[tuple[int, bytes]]


class PacketPath(Protocol):
    """The compiled program bound to one switch's state."""

    def __call__(self, port: int, frame: bytes) -> Output:
        """Process a frame; return every copy that leaves with its port."""


class Switch:
    """State of one switch and the compiled program bound to it; made by `Program.instantiate`.

    :ivar tables: by P4Info name, program-internal tables (without control-plane name) included.
    :ivar on_digest: called for each digest message while the packet that made it is processed; None drops them.
    :ivar faults: frames that were lost to an error in the engine itself; anything but 0 is a bug worth reporting.
    :ivar on_log: called with each message of ``log_msg`` and of a failed ``assert`` or ``assume``; None drops them.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Table],
        action_profiles: Mapping[str, ActionProfile],
        counters: Mapping[str, Counter],
        meters: Mapping[str, Meter],
        registers: Mapping[str, Register],
        value_sets: Mapping[str, ValueSet],
        down_ports: set[int],
        cpu_port: int,
        drop_port: int,
        now_us: Callable[[], int],
    ) -> None:
        self.tables = tables
        self.action_profiles = action_profiles
        self.counters = counters
        self.meters = meters
        self.registers = registers
        self.value_sets = value_sets
        self.multicast = MulticastGroups()
        self.clone_sessions = CloneSessions()
        self.cpu_port = cpu_port
        self.drop_port = drop_port
        self.now_us = now_us
        self.on_digest: Callable[[Digest], None] | None = None
        self.on_log: Callable[[str], None] | None = None
        self.faults = 0
        self._down_ports = down_ports
        self._process: PacketPath = lambda port, frame: []
        self._make_tracer: Callable[[Trace], PacketPath] | None = None

    def process(self, port: int, frame: bytes) -> Output:
        """Run a frame received on a port; return every copy that leaves, with its port, in order.

        A copy for ``cpu_port`` carries its packet_in header. Any frame is allowed, empty, short or long; none raises.
        """
        try:
            return self._process(port, frame)
        except Exception:
            # One frame must not end a switch that others depend on, whatever a program makes the engine do.
            self.faults += 1
            _log.exception("frame of %d bytes from port %d lost to an error in the engine", len(frame), port)
            return []

    def packet_out(self, payload_with_header: bytes) -> Output:
        """Run a packet of the controller, with its packet_out header, as if received on the CPU port."""
        return self.process(self.cpu_port, payload_with_header)

    def trace(self, port: int, frame: bytes) -> Trace:
        """Process a frame as `process` does (counters move, registers change) and tell what happened."""
        trace = Trace(port, frame)
        if self._make_tracer is not None:
            trace.outputs = self._make_tracer(trace)(port, frame)
        return trace

    def bind(self, process: PacketPath, make_tracer: Callable[[Trace], PacketPath]) -> None:
        """Attach the compiled program (called once by `Program.instantiate`)."""
        self._process = process
        self._make_tracer = make_tracer

    def set_port_up(self, port: int, is_up: bool) -> None:
        """Tell that a port went up or down; selector members that watch it are used or skipped."""
        if is_up:
            self._down_ports.discard(port)
        else:
            self._down_ports.add(port)
        for profile in self.action_profiles.values():
            profile.refresh(port)

    def is_port_up(self, port: int) -> bool:
        """True unless `set_port_up` said that the port is down."""
        return port not in self._down_ports

    def reset(self) -> None:
        """Bring all state back to what the program declares: entries, groups, counters, registers, sessions."""
        for table in self.tables.values():
            table.clear()
        for profile in self.action_profiles.values():
            profile.clear()
        for counter in self.counters.values():
            counter.clear()
        for meter in self.meters.values():
            meter.clear()
        for register in self.registers.values():
            register.clear()
        for value_set in self.value_sets.values():
            value_set.clear()
        self.multicast.clear()
        self.clone_sessions.clear()
