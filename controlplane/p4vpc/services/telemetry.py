# SPDX-License-Identifier: Apache-2.0
"""What switches count, read on request: drops by reason, and direct counters with the intent they belong to."""

import asyncio
from collections import Counter as Tally
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from p4vpc.compiler.drop_reasons import DropReason
from p4vpc.compiler.entries import Exact, Origin
from p4vpc.errors import SouthboundError
from p4vpc.services.controller import Controller
from p4vpc.southbound import Agent, CounterReading, read_counters
from p4vpc.southbound.describe import describe

DROP_TABLES = ("drop_reasons", "egress_drop_reasons")


@dataclass(frozen=True, slots=True)
class Counter:
    """A direct counter of one entry at one switch; counts since the entry was installed there."""

    switch: str
    table: str
    entry: str
    origins: tuple[Origin, ...]
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Counters of the switches that answered; `errors` tells why others did not."""

    counters: tuple[Counter, ...]
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drops:
    """Packets dropped by switch and reason, since the switch was filled; `errors` tells which switch did not answer."""

    switches: Mapping[str, Mapping[str, int]]
    errors: Mapping[str, str]


async def read_drops(controller: Controller, switches: Collection[str] | None = None) -> Drops:
    """Drop counters; of all switches, or of those named."""
    readings, errors = await _read(controller, switches, DROP_TABLES)
    names = {reason.value: reason.name.lower() for reason in DropReason}
    drops: dict[str, dict[str, int]] = {}
    for switch, found in readings.items():
        tally: Tally[str] = Tally()
        for reading in found:
            match = reading.entry.key[0]
            number = match.value if isinstance(match, Exact) else 0
            tally[names.get(number, f"reason_{number}")] += reading.packets
        drops[switch] = dict(sorted(tally.items()))
    return Drops(drops, errors)


async def read_telemetry(
    controller: Controller, switches: Collection[str] | None = None, tables: Collection[str] | None = None
) -> Telemetry:
    """Direct counters of all entries; of all switches and counted tables, or of those named."""
    counted = sorted(controller.pipeline.info.counted_tables)
    wanted = [table for table in counted if tables is None or table in tables]
    readings, errors = await _read(controller, switches, wanted)
    counters = [
        Counter(
            switch,
            reading.entry.table,
            describe(reading.entry, controller.pipeline.info.schema),
            _origins(controller, switch, reading),
            reading.packets,
            reading.bytes,
        )
        for switch, found in readings.items()
        for reading in found
    ]
    return Telemetry(tuple(counters), errors)


def _origins(controller: Controller, switch: str, reading: CounterReading) -> tuple[Origin, ...]:
    desired = controller.desired(switch)
    item = desired.get(reading.entry.identity) if desired is not None else None
    return item.origins if item is not None else ()


async def _read(
    controller: Controller, switches: Collection[str] | None, tables: Sequence[str]
) -> tuple[dict[str, list[CounterReading]], dict[str, str]]:
    """Readings by switch, all switches at once, and errors of those that could not be read."""
    agents = [agent for name, agent in controller.agents().items() if switches is None or name in switches]
    results = await asyncio.gather(
        *(_read_switch(controller, agent, tables) for agent in agents), return_exceptions=True
    )
    readings: dict[str, list[CounterReading]] = {}
    errors: dict[str, str] = {}
    for agent, result in zip(agents, results, strict=True):
        if isinstance(result, SouthboundError):
            errors[agent.target.name] = str(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            readings[agent.target.name] = result
    return readings, errors


async def _read_switch(controller: Controller, agent: Agent, tables: Sequence[str]) -> list[CounterReading]:
    session, codec = agent.session(), agent.codec
    present = [table for table in tables if table in controller.pipeline.info.schema.tables]
    return [reading for table in present async for reading in read_counters(session, codec, table)]
