# SPDX-License-Identifier: Apache-2.0
"""A plain, blocking P4Runtime client: just enough to own a switch, write, read and exchange packets."""

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import grpc
from finsy.proto import p4r, p4r_grpc, rpc_code, rpc_status

from ptf_tests.p4info import CloneSession, Entry, Group, Key, Member, MeterCell, MulticastGroup, Schema, Writable

RPC_TIMEOUT_S = 30.0
_ELECTION_ID = p4r.Uint128(low=1)
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_metadata_size", 1 << 20))


class P4RuntimeError(Exception):
    """The target refused a call; the text lists each refused update."""


@dataclass(frozen=True)
class Counted:
    """What a direct counter holds."""

    packets: int
    octets: int


@dataclass(frozen=True)
class PacketIn:
    """A packet that the switch sent to the controller."""

    payload: bytes
    metadata: dict[str, int]


class P4RuntimeClient:
    """One session as primary controller of one device. Use as a context manager."""

    def __init__(self, address: str, device_id: int, schema: Schema) -> None:
        self.schema = schema
        self._device_id = device_id
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._stub = p4r_grpc.P4RuntimeStub(self._channel)
        self._requests: queue.SimpleQueue[p4r.StreamMessageRequest | None] = queue.SimpleQueue()
        self._arbitrations: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._packets: queue.SimpleQueue[PacketIn] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None

    def __enter__(self) -> "P4RuntimeClient":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connects and becomes primary; raises P4RuntimeError when another controller is."""
        grpc.channel_ready_future(self._channel).result(RPC_TIMEOUT_S)
        self._reader = threading.Thread(target=self._read_stream, name="p4runtime-stream", daemon=True)
        self._reader.start()
        self._requests.put(
            p4r.StreamMessageRequest(
                arbitration=p4r.MasterArbitrationUpdate(device_id=self._device_id, election_id=_ELECTION_ID)
            )
        )
        try:
            status = self._arbitrations.get(timeout=RPC_TIMEOUT_S)
        except queue.Empty:
            raise P4RuntimeError("no answer to the arbitration request") from None
        if status != rpc_code.OK:
            raise P4RuntimeError(f"not the primary controller: code {status}")

    def close(self) -> None:
        """Ends the stream and the channel."""
        self._requests.put(None)
        self._channel.close()
        if self._reader is not None:
            self._reader.join(RPC_TIMEOUT_S)

    def push_pipeline(self, device_config: bytes) -> None:
        """Installs the pipeline; everything in the tables is gone afterwards."""
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=self._device_id,
            election_id=_ELECTION_ID,
            action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT,
            config=p4r.ForwardingPipelineConfig(p4info=self.schema.p4info, p4_device_config=device_config),
        )
        try:
            self._stub.SetForwardingPipelineConfig(request, timeout=RPC_TIMEOUT_S)
        except grpc.RpcError as error:
            raise P4RuntimeError(f"pipeline refused: {error}") from error

    def insert(self, items: Iterable[Writable]) -> None:
        """Writes new entries, members or groups in one batch."""
        self._write(p4r.Update.INSERT, items)

    def modify(self, items: Iterable[Writable]) -> None:
        """Changes what exists."""
        self._write(p4r.Update.MODIFY, items)

    def delete(self, items: Iterable[Writable]) -> None:
        """Removes what exists."""
        self._write(p4r.Update.DELETE, items)

    def _write(self, kind: "p4r.Update.Type.ValueType", items: Iterable[Writable]) -> None:
        batch = list(items)
        if not batch:
            return
        request = p4r.WriteRequest(
            device_id=self._device_id,
            election_id=_ELECTION_ID,
            updates=[p4r.Update(type=kind, entity=self.schema.encode(item)) for item in batch],
        )
        try:
            self._stub.Write(request, timeout=RPC_TIMEOUT_S)
        except grpc.RpcError as error:
            raise P4RuntimeError(_describe(error, batch)) from error

    def read(self, entities: Iterable[p4r.Entity]) -> Iterator[p4r.Entity]:
        """What the target holds, by wildcard or exact entity."""
        request = p4r.ReadRequest(device_id=self._device_id, entities=list(entities))
        for response in self._stub.Read(request, timeout=RPC_TIMEOUT_S):
            yield from response.entities

    def leftovers(self) -> list[p4r.Entity]:
        """Every entry, member and group on the target, apart from default actions and constant entries.

        Meters are not looked at: each cell is always there.
        """
        wanted = [
            p4r.Entity(table_entry=p4r.TableEntry(table_id=table.preamble.id))
            for table in self.schema.tables.values()
            if not table.is_const_table
        ]
        for profile in self.schema.profiles.values():
            profile_id = profile.preamble.id
            wanted.append(p4r.Entity(action_profile_member=p4r.ActionProfileMember(action_profile_id=profile_id)))
            wanted.append(p4r.Entity(action_profile_group=p4r.ActionProfileGroup(action_profile_id=profile_id)))
        every_group = p4r.PacketReplicationEngineEntry(multicast_group_entry=p4r.MulticastGroupEntry())
        wanted.append(p4r.Entity(packet_replication_engine_entry=every_group))
        every_session = p4r.PacketReplicationEngineEntry(clone_session_entry=p4r.CloneSessionEntry())
        wanted.append(p4r.Entity(packet_replication_engine_entry=every_session))
        return [
            entity
            for entity in self.read(wanted)
            if not (entity.HasField("table_entry") and entity.table_entry.is_default_action)
        ]

    def counters(self, *tables: str) -> dict[tuple[str, Key], Counted]:
        """The direct counters of all entries of some tables."""
        wanted = [
            p4r.Entity(
                table_entry=p4r.TableEntry(table_id=self.schema.table(name).preamble.id, counter_data=p4r.CounterData())
            )
            for name in tables
        ]
        result = {}
        for entity in self.read(wanted):
            entry = entity.table_entry
            if not entry.is_default_action:
                data = entry.counter_data
                result[self.schema.decode_key(entry)] = Counted(data.packet_count, data.byte_count)
        return result

    def packet_out(self, payload: bytes, **metadata: int) -> None:
        """Sends a packet into the switch with a `packet_out` header."""
        encoded = self.schema.encode_metadata("packet_out", metadata)
        self._requests.put(p4r.StreamMessageRequest(packet=p4r.PacketOut(payload=payload, metadata=encoded)))

    def packet_in(self, timeout_s: float) -> PacketIn | None:
        """The next packet from the switch, or None when none came in time."""
        try:
            return self._packets.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def discard_packets(self) -> None:
        """Forgets packets that have come in so far."""
        while self.packet_in(0.001) is not None:
            pass

    def _read_stream(self) -> None:
        try:
            for message in self._stub.StreamChannel(iter(self._requests.get, None)):
                kind = message.WhichOneof("update")
                if kind == "arbitration":
                    self._arbitrations.put(message.arbitration.status.code)
                elif kind == "packet":
                    metadata = self.schema.decode_metadata("packet_in", list(message.packet.metadata))
                    self._packets.put(PacketIn(message.packet.payload, metadata))
        except (grpc.RpcError, ValueError):
            # The stream ends with the channel; whoever waits for a message reports the time-out.
            return


def _describe(error: grpc.RpcError, batch: list[Writable]) -> str:
    """One line per refused update (P4Runtime specification, section "Error Reporting")."""
    lines = [f"write refused: {error}"]
    metadata: dict[str, bytes] = dict(error.trailing_metadata() or ()) if isinstance(error, grpc.Call) else {}
    status = rpc_status.Status.FromString(metadata.get("grpc-status-details-bin", b""))
    for item, detail in zip(batch, status.details, strict=False):
        update = p4r.Error()
        detail.Unpack(update)
        if update.canonical_code != rpc_code.OK:
            lines.append(f"  code {update.canonical_code}, {update.message}: {_title(item)}")
    return "\n".join(lines)


def _title(item: Writable) -> str:
    match item:
        case Entry():
            return f"{item.table} {dict(item.match)}"
        case Member():
            return f"{item.profile} member {item.member_id}"
        case Group():
            return f"{item.profile} group {item.group_id}"
        case MulticastGroup():
            return f"multicast group {item.group_id}"
        case CloneSession():
            return f"clone session {item.session_id}"
        case MeterCell():
            return f"{item.meter} cell {item.index}"
