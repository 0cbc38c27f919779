# SPDX-License-Identifier: Apache-2.0
"""The device: its ports, the pipeline that runs, and the way of every frame between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finsy.proto import p4r

from softswitch.coverage import Coverage
from softswitch.p4runtime.entities import MAX_PORT
from softswitch.p4runtime.pipeline import Pipeline
from softswitch.ports.base import PortDriver, PortError, PortState, SendFrame

DEFAULT_CPU_PORT = 510
DEFAULT_DROP_PORT = 511

PacketInHandler = Callable[[p4r.PacketIn], None]


@dataclass
class _Port:
    send: SendFrame
    is_up: bool


@dataclass
class DeviceCounters:
    """Frames that the device itself could not deliver."""

    no_pipeline: int = 0
    no_such_port: int = 0
    short_packet_in: int = 0


class Device:
    """One switch with its ports. Drivers see it as their host, the P4Runtime service programs its pipeline."""

    def __init__(
        self,
        drivers: Sequence[PortDriver] = (),
        *,
        cpu_port: int = DEFAULT_CPU_PORT,
        drop_port: int = DEFAULT_DROP_PORT,
        coverage: Coverage | None = None,
    ) -> None:
        self.cpu_port = cpu_port
        self.drop_port = drop_port
        self.coverage = coverage
        self.counters = DeviceCounters()
        self.on_packet_in: PacketInHandler | None = None
        self._drivers = drivers
        self._started: list[PortDriver] = []
        self._ports: dict[int, _Port] = {}
        self._pipeline: Pipeline | None = None
        self._watchers: list[Callable[[], None]] = []

    # -- lifecycle ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the ports. Raises PortError when one cannot be opened; those that were are closed again."""
        try:
            for driver in self._drivers:
                driver.start(self)
                self._started.append(driver)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the ports."""
        while self._started:
            self._started.pop().stop()

    # -- pipeline -----------------------------------------------------------------------------------------------

    @property
    def pipeline(self) -> Pipeline | None:
        """What processes packets, None until a pipeline is committed."""
        return self._pipeline

    def run(self, pipeline: Pipeline) -> None:
        """Let a pipeline process packets from now on."""
        for number, port in self._ports.items():
            pipeline.switch.set_port_up(number, port.is_up)
        self._pipeline = pipeline

    def packet_out(self, packet: p4r.PacketOut) -> None:
        """Process a packet of the controller. Raises StatusError when its metadata is wrong."""
        pipeline = self._pipeline
        if pipeline is None:
            self.counters.no_pipeline += 1
            return
        header = pipeline.packet_out.pack(packet.metadata)
        self._deliver(pipeline, pipeline.switch.packet_out(header + packet.payload))

    # -- ports --------------------------------------------------------------------------------------------------

    def port_states(self) -> list[PortState]:
        """Every port as it is now, in the order of their numbers."""
        states: dict[int, PortState] = {}
        names: set[str] = set()
        for driver in self._started:
            for number, counters in driver.counters().items():
                port = self._ports.get(number)
                if port is None:
                    continue
                name = driver.port_name(number)
                # Two ports may be bound to one network interface; the second gets its number added.
                name = f"{name}#{number}" if name in names else name
                names.add(name)
                states[number] = PortState(number, name, port.is_up, counters)
        return [states[number] for number in sorted(states)]

    def watch_ports(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back after a port came, went, or changed its state; the answer ends that."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    # -- what drivers call --------------------------------------------------------------------------------------

    def port_added(self, number: int, send: SendFrame, *, is_up: bool) -> None:
        if not 0 <= number <= MAX_PORT:
            raise PortError(f"port {number}: port numbers are 0 to {MAX_PORT}")
        if number in (self.cpu_port, self.drop_port):
            raise PortError(f"port {number}: it is the {'CPU' if number == self.cpu_port else 'drop'} port")
        if number in self._ports:
            raise PortError(f"port {number}: it is given twice")
        self._ports[number] = _Port(send, is_up)
        self._port_changed(number, is_up=is_up)

    def port_removed(self, number: int) -> None:
        if self._ports.pop(number, None) is not None:
            self._port_changed(number, is_up=False)

    def port_state_changed(self, number: int, *, is_up: bool) -> None:
        port = self._ports.get(number)
        if port is not None and port.is_up != is_up:
            port.is_up = is_up
            self._port_changed(number, is_up=is_up)

    def frame_received(self, number: int, frame: bytes) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            self.counters.no_pipeline += 1
            return
        self._deliver(pipeline, pipeline.switch.process(number, frame))

    # -- inside -------------------------------------------------------------------------------------------------

    def _deliver(self, pipeline: Pipeline, outputs: Sequence[tuple[int, bytes]]) -> None:
        for number, frame in outputs:
            port = self._ports.get(number)
            if port is not None:
                port.send(frame)
            elif number == self.cpu_port:
                self._packet_in(pipeline, frame)
            else:
                self.counters.no_such_port += 1

    def _packet_in(self, pipeline: Pipeline, frame: bytes) -> None:
        packet = pipeline.packet_in.unpack(frame)
        if packet is None:
            self.counters.short_packet_in += 1
        elif self.on_packet_in is not None:
            self.on_packet_in(packet)

    def _port_changed(self, number: int, *, is_up: bool) -> None:
        if self._pipeline is not None:
            self._pipeline.switch.set_port_up(number, is_up)
        for changed in tuple(self._watchers):
            changed()
