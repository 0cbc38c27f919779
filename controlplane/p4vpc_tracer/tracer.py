# SPDX-License-Identifier: Apache-2.0
"""softswitch's engine as the controller's tracer.

Switches made here have no ports, no server and no clock of the machine's: time goes on by a millisecond with each
packet, so the same question gets the same answer.
"""

from collections.abc import Iterable
from typing import cast

from p4vpc.compiler.entries import Entry, Identity
from p4vpc.errors import InternalError, Problem
from p4vpc.services.trace import Processed, Step, StepKind, TracerMissingError
from p4vpc_tracer.entries import put
from softswitch.errors import ProgramError, StateError
from softswitch.program import Program
from softswitch.runtime.switch import Switch
from softswitch.runtime.trace import TraceStep

_MICROSECONDS_BETWEEN_PACKETS = 1000


class SoftswitchTracer:
    """Compiles a pipeline once, and makes switches of it."""

    def __init__(self) -> None:
        self._compiled: tuple[bytes, Program] | None = None

    def load(self, device_config: bytes, entries: Iterable[Entry]) -> "MemorySwitch":
        """A switch that holds these entries.

        Raises:
            TracerMissingError: the pipeline is none for v1model.
            InternalError: an entry does not fit it.
        """
        switch = MemorySwitch(self._program(device_config))
        for entry in entries:
            switch.put(entry)
        return switch

    def _program(self, device_config: bytes) -> Program:
        if self._compiled is None or self._compiled[0] != device_config:
            try:
                self._compiled = (device_config, Program.from_json(device_config))
            except ProgramError as error:
                message = f"the tracer cannot execute the controller's pipeline: {error}"
                remedy = "a pipeline for v1model, as p4c writes it for BMv2"
                raise TracerMissingError(Problem("", "", message, remedy)) from None
        return self._compiled[1]


class MemorySwitch:
    """One switch. `process` is `Switch.trace` in the controller's words."""

    def __init__(self, program: Program):
        self._now_us = 0
        self._switch: Switch = program.instantiate(now_us=lambda: self._now_us)
        self._identities: dict[int, Identity] = {}

    def put(self, entry: Entry) -> None:
        """Hold an entry more.

        Raises:
            InternalError: it does not fit the pipeline.
        """
        try:
            held = put(self._switch, entry)
        except (StateError, KeyError) as error:
            raise InternalError(f"the tracer's pipeline does not take an entry: {error}") from None
        if held is not None:
            self._identities[id(held)] = entry.identity  # the table keeps `held`, so nothing else gets its id

    def process(self, port: int, frame: bytes) -> Processed:
        """Receive a frame."""
        self._now_us += _MICROSECONDS_BETWEEN_PACKETS
        trace = self._switch.trace(port, frame)
        return Processed(tuple(self._step(step) for step in trace.steps), tuple(trace.outputs))

    def _step(self, step: TraceStep) -> Step:
        args = step.args
        if step.kind in ("egress", "output"):
            args = (int(step.detail.split()[1]),)
        elif step.kind == "copy" and step.name == "clone":
            number = int(step.detail.split()[1])
            args = (number, len(self._switch.clone_sessions[number].replicas))
        identity = self._identities.get(id(step.entry)) if step.entry is not None else None
        return Step(cast(StepKind, step.kind), step.name, step.detail, step.key, args, identity)
