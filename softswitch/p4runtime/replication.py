# SPDX-License-Identifier: Apache-2.0
"""Multicast groups and clone sessions (P4Runtime 1.5, section 9.5)."""

from __future__ import annotations

from collections.abc import Iterator

from finsy.proto import p4r

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.entities import (
    DELETE,
    INSERT,
    EntityHandler,
    Undo,
    UpdateType,
    check_port,
    decode_port,
)
from softswitch.p4runtime.status import invalid, unimplemented
from softswitch.runtime.replication import CloneSession, CloneSessions, MulticastGroups, Replica


class Replication(EntityHandler):
    """`packet_replication_engine_entry`; it keeps each entry as it is read back, in canonical form."""

    def __init__(self, multicast: MulticastGroups, sessions: CloneSessions) -> None:
        self._multicast = multicast
        self._sessions = sessions
        self._group_messages: dict[int, p4r.MulticastGroupEntry] = {}
        self._session_messages: dict[int, p4r.CloneSessionEntry] = {}

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        entry = entity.packet_replication_engine_entry
        match entry.WhichOneof("type"):
            case "multicast_group_entry":
                return self._write_group(kind, entry.multicast_group_entry)
            case "clone_session_entry":
                return self._write_session(kind, entry.clone_session_entry)
        raise invalid("packet_replication_engine_entry: neither multicast_group_entry nor clone_session_entry is set")

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.packet_replication_engine_entry
        kind = wanted.WhichOneof("type")
        if kind is None:
            raise invalid(
                "packet_replication_engine_entry: neither multicast_group_entry nor clone_session_entry is set"
            )
        if kind == "multicast_group_entry":
            group_id = wanted.multicast_group_entry.multicast_group_id
            for number, group in self._group_messages.items():
                if group_id in (0, number):
                    yield p4r.Entity(
                        packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(multicast_group_entry=group)
                    )
            return
        session_id = wanted.clone_session_entry.session_id
        for number, session in self._session_messages.items():
            if session_id in (0, number):
                yield p4r.Entity(
                    packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(clone_session_entry=session)
                )

    def _write_group(self, kind: UpdateType, message: p4r.MulticastGroupEntry) -> Undo:
        group_id = message.multicast_group_id
        what = f"multicast group {group_id}"
        if not group_id:
            raise invalid("multicast_group_id: 0 is no multicast group; ids begin at 1")
        before, before_message = self._multicast.get(group_id), self._group_messages.get(group_id)
        if kind == DELETE:
            self._multicast.delete(group_id)
            del self._group_messages[group_id]
        else:
            stored = p4r.MulticastGroupEntry()
            stored.CopyFrom(message)
            replicas = [_decode_replica(replica, what) for replica in stored.replicas]
            if kind == INSERT:
                self._multicast.insert(group_id, replicas)
            else:
                self._multicast.modify(group_id, replicas)
            self._group_messages[group_id] = stored

        def undo() -> None:
            if before is None or before_message is None:
                self._multicast.delete(group_id)
                del self._group_messages[group_id]
                return
            if group_id in self._multicast:
                self._multicast.modify(group_id, before)
            else:
                self._multicast.insert(group_id, before)
            self._group_messages[group_id] = before_message

        return undo

    def _write_session(self, kind: UpdateType, message: p4r.CloneSessionEntry) -> Undo:
        session_id = message.session_id
        what = f"clone session {session_id}"
        if not session_id:
            raise invalid("session_id: 0 is no clone session; ids begin at 1")
        before, before_message = self._sessions.get(session_id), self._session_messages.get(session_id)
        if kind == DELETE:
            self._sessions.delete(session_id)
            del self._session_messages[session_id]
        else:
            stored = p4r.CloneSessionEntry()
            stored.CopyFrom(message)
            replicas = tuple(_decode_replica(replica, what) for replica in stored.replicas)
            session = CloneSession(replicas, message.class_of_service, message.packet_length_bytes)
            if kind == INSERT:
                self._sessions.insert(session_id, session)
            else:
                self._sessions.modify(session_id, session)
            self._session_messages[session_id] = stored

        def undo() -> None:
            if before is None or before_message is None:
                self._sessions.delete(session_id)
                del self._session_messages[session_id]
                return
            if session_id in self._sessions:
                self._sessions.modify(session_id, before)
            else:
                self._sessions.insert(session_id, before)
            self._session_messages[session_id] = before_message

        return undo


def _decode_replica(replica: p4r.Replica, what: str) -> Replica:
    """The engine's replica; the port in the message becomes canonical. The deprecated integer form is understood."""
    if replica.backup_replicas:
        raise unimplemented(f"{what}: backup_replicas are not supported by this target")
    if replica.WhichOneof("port_kind") == "port":
        port = decode_port(replica.port, f"{what}: replica port")
        replica.port = bytestring.encode(port)
    else:
        port = check_port(replica.egress_port, f"{what}: replica egress_port")
    return Replica(port, replica.instance)
