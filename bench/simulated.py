# SPDX-License-Identifier: Apache-2.0
"""Simulated switches: in the controller's process, without gRPC, with real tables.

A switch takes the same messages as a P4Runtime server and keeps every entry, as bytes, under its table and match. It
checks what a target checks: an insert of what is there and a delete of what is not are refused.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn, TypeAlias

from finsy import GRPCStatusCode
from finsy.proto import p4r

from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.rpc import UpdateError
from p4vpc.southbound.session import Listener, Session, connect
from p4vpc.southbound.tls import SwitchTls
from ptf_tests.targets import RunningTarget

_READ_AT_ONCE = 1000
_REAL = "leaf0001:9559"


class Tables:
    """What one switch holds; it outlives sessions, as a switch outlives its controller."""

    def __init__(self) -> None:
        self.config = p4r.ForwardingPipelineConfig()
        self.by_kind: defaultdict[str, dict[bytes, bytes]] = defaultdict(dict)
        self.updates = 0
        self.ports: dict[int, bool] = {}
        self.port_news = asyncio.Event()

    def set_port(self, port: int, *, is_up: bool) -> None:
        """Plug a cable in, or out; who follows port states hears of it."""
        self.ports[port] = is_up
        self.port_news.set()

    def __len__(self) -> int:
        return sum(map(len, self.by_kind.values()))

    def apply(self, update: bytes) -> UpdateError | None:
        """One update; why it is refused, if it is."""
        operation, kind, key, value = _shared_place(update)
        held = self.by_kind[kind]
        self.updates += 1
        if kind.startswith("meter "):
            if value:
                held[key] = value
            else:
                held.pop(key, None)
            return None
        if (operation == p4r.Update.INSERT) == (key in held):
            code = GRPCStatusCode.ALREADY_EXISTS if key in held else GRPCStatusCode.NOT_FOUND
            return UpdateError(code, kind)
        if operation == p4r.Update.DELETE:
            del held[key]
        else:
            held[key] = value
        return None


_Place: TypeAlias = tuple[int, str, bytes, bytes]
_MOST_SHARED = 20_000
_shared: dict[int, tuple[bytes, _Place]] = {}


def _shared_place(update: bytes) -> _Place:
    """As `_place`: of a message that another switch has just got the bytes are kept once."""
    known = _shared.get(id(update))
    if known is None:
        if len(_shared) >= _MOST_SHARED:
            _shared.clear()
        known = _shared[id(update)] = (update, _place(update))
    return known[1]


def _place(data: bytes) -> _Place:
    """What an update does, the kind of its entity, the bytes that name it, and all of it (a meter's: if configured)."""
    update = p4r.Update.FromString(data)
    entity = update.entity
    value = entity.SerializeToString()
    kind = entity.WhichOneof("entity") or ""
    match kind:
        case "table_entry":
            entry = entity.table_entry
            entry.ClearField("action")
            return update.type, f"table {entry.table_id}", entry.SerializeToString(), value
        case "meter_entry":
            meter = entity.meter_entry
            is_configured = meter.HasField("config")
            meter.ClearField("config")
            return update.type, f"meter {meter.meter_id}", meter.SerializeToString(), value if is_configured else b""
        case "packet_replication_engine_entry":
            engine = entity.packet_replication_engine_entry
            kind = engine.WhichOneof("type") or ""
            number = (
                engine.multicast_group_entry.multicast_group_id
                if kind == "multicast_group_entry"
                else engine.clone_session_entry.session_id
            )
            return update.type, kind, number.to_bytes(4), value
    raise ValueError(f"no place for {kind}")


class SimulatedSession:
    """What the controller has of `southbound.session.Session`, by direct calls."""

    is_primary = True

    def __init__(self, tables: Tables, election_id: int):
        self._tables = tables
        self.election_id = election_id
        self.is_candidate = True

    async def closed(self) -> NoReturn:
        """Never: the switch stays."""
        await asyncio.Event().wait()
        raise AssertionError

    async def packet_out(self, packet: p4r.PacketOut) -> None:
        """Nobody is at the ports."""

    async def has_gnmi(self) -> bool:
        """It tells its port states."""
        return True

    async def port_states(self) -> AsyncIterator[Mapping[int, bool]]:
        """Tell of ports that somebody has unplugged or plugged in."""
        while True:
            self._tables.port_news.clear()
            yield dict(self._tables.ports)
            await self._tables.port_news.wait()

    async def write(self, updates: Sequence[bytes]) -> Mapping[int, UpdateError]:
        """Apply a batch; other tasks get a turn, as they do while a message is under way."""
        await asyncio.sleep(0)
        results = enumerate(map(self._tables.apply, updates))
        return {position: error for position, error in results if error is not None}

    async def read(self, *entities: p4r.Entity) -> AsyncIterator[p4r.ReadResponse]:
        """Wildcards only."""
        for wildcard in entities:
            kind = wildcard.WhichOneof("entity") or ""
            if kind == "packet_replication_engine_entry":
                kind = wildcard.packet_replication_engine_entry.WhichOneof("type") or ""
            kinds = [kind]
            if kind == "table_entry":
                number = wildcard.table_entry.table_id
                kinds = [
                    it for it in self._tables.by_kind if it == f"table {number}" or (not number and it[:6] == "table ")
                ]
            elif kind == "meter_entry":
                kinds = [f"meter {wildcard.meter_entry.meter_id}"]
            held = [value for it in kinds for value in self._tables.by_kind[it].values()]
            for start in range(0, len(held), _READ_AT_ONCE):
                response = p4r.ReadResponse()
                response.entities.extend(map(p4r.Entity.FromString, held[start : start + _READ_AT_ONCE]))
                yield response

    async def pipeline(self, *, is_complete: bool) -> p4r.ForwardingPipelineConfig:
        """What it runs."""
        return self._tables.config

    async def push_pipeline(self, pipeline: Pipeline) -> None:
        """Take a pipeline, with empty tables."""
        self._tables.config = pipeline.config()
        self._tables.by_kind.clear()


class Fleet:
    """All simulated switches, by their P4Runtime address.

    Args:
        real: stands for the first leaf, if given.
    """

    def __init__(self, real: RunningTarget | None = None) -> None:
        self._real = real
        self._tables: defaultdict[str, Tables] = defaultdict(Tables)

    @asynccontextmanager
    async def connect(
        self,
        address: str,
        device_id: int,
        election_id: int,
        listener: Listener,
        *,
        is_candidate: bool = True,
        tls: SwitchTls | None = None,
    ) -> AsyncIterator[SimulatedSession | Session]:
        """Stands for `southbound.session.connect`."""
        if self._real is not None and address == _REAL:
            async with connect(self._real.grpc_address, self._real.device_id, election_id, listener) as session:
                yield session
            return
        await asyncio.sleep(0)
        yield SimulatedSession(self._tables[address], election_id)

    def __getitem__(self, address: str) -> Tables:
        return self._tables[address]

    @property
    def entries(self) -> int:
        """What all of them hold."""
        return sum(map(len, self._tables.values()))

    @property
    def updates(self) -> int:
        """What has been written to all of them."""
        return sum(tables.updates for tables in self._tables.values())
