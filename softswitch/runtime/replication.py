# SPDX-License-Identifier: Apache-2.0
"""Copies of packets: multicast groups and clone (mirror) sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from softswitch.errors import EntryExistsError, EntryNotFoundError, InvalidEntryError

MAX_GROUP_ID = 0xFFFF
MAX_SESSION_ID = 0x7FFF
MAX_INSTANCE = 0xFFFF


@dataclass(frozen=True, slots=True)
class Replica:
    """One copy: its egress port and the replication id that egress sees as ``egress_rid``."""

    port: int
    instance: int


def _check_replicas(owner: str, replicas: Sequence[Replica]) -> tuple[Replica, ...]:
    seen: set[Replica] = set()
    for replica in replicas:
        if not 0 <= replica.instance <= MAX_INSTANCE:
            raise InvalidEntryError(f"{owner}: instance is 16 bits wide, not {replica.instance}")
        if replica.port < 0:
            raise InvalidEntryError(f"{owner}: {replica.port} is not a port")
        if replica in seen:
            raise InvalidEntryError(f"{owner}: replica port {replica.port} instance {replica.instance} is given twice")
        seen.add(replica)
    return tuple(replicas)


class MulticastGroups(Mapping[int, tuple[Replica, ...]]):
    """Multicast groups by id (1 to 65535); group 0 means "no multicast" to a v1model program."""

    def __init__(self) -> None:
        self._groups: dict[int, tuple[Replica, ...]] = {}

    def __getitem__(self, group_id: int) -> tuple[Replica, ...]:
        return self._groups[group_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def insert(self, group_id: int, replicas: Sequence[Replica]) -> None:
        """Create a group.

        :raises InvalidEntryError: id out of range, replica invalid or given twice.
        :raises EntryExistsError: the id is taken.
        """
        if not 1 <= group_id <= MAX_GROUP_ID:
            raise InvalidEntryError(f"multicast group {group_id}: the id is 1 to {MAX_GROUP_ID}")
        if group_id in self._groups:
            raise EntryExistsError(f"multicast group {group_id} exists")
        self._groups[group_id] = _check_replicas(f"multicast group {group_id}", replicas)

    def modify(self, group_id: int, replicas: Sequence[Replica]) -> None:
        """Replace the replicas of a group; raises as `insert` does, or EntryNotFoundError."""
        self._require(group_id)
        self._groups[group_id] = _check_replicas(f"multicast group {group_id}", replicas)

    def delete(self, group_id: int) -> None:
        """Remove a group.

        :raises EntryNotFoundError: there is none.
        """
        self._require(group_id)
        del self._groups[group_id]

    def clear(self) -> None:
        """Remove every group."""
        self._groups.clear()

    def _require(self, group_id: int) -> None:
        if group_id not in self._groups:
            raise EntryNotFoundError(f"no multicast group {group_id}")


@dataclass(frozen=True, slots=True)
class CloneSession:
    """Where the copies of a clone session go; ``packet_length_bytes`` truncates them, 0 does not."""

    replicas: tuple[Replica, ...]
    class_of_service: int = 0
    packet_length_bytes: int = 0


class CloneSessions(Mapping[int, CloneSession]):
    """Clone sessions by id (1 to 32767)."""

    def __init__(self) -> None:
        self._sessions: dict[int, CloneSession] = {}

    def __getitem__(self, session_id: int) -> CloneSession:
        return self._sessions[session_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)

    def insert(self, session_id: int, session: CloneSession) -> None:
        """Create a session.

        :raises InvalidEntryError: id or length out of range, replica invalid or given twice.
        :raises EntryExistsError: the id is taken.
        """
        if not 1 <= session_id <= MAX_SESSION_ID:
            raise InvalidEntryError(f"clone session {session_id}: the id is 1 to {MAX_SESSION_ID}")
        if session_id in self._sessions:
            raise EntryExistsError(f"clone session {session_id} exists")
        self._store(session_id, session)

    def modify(self, session_id: int, session: CloneSession) -> None:
        """Replace a session; raises as `insert` does, or EntryNotFoundError."""
        self._require(session_id)
        self._store(session_id, session)

    def delete(self, session_id: int) -> None:
        """Remove a session.

        :raises EntryNotFoundError: there is none.
        """
        self._require(session_id)
        del self._sessions[session_id]

    def clear(self) -> None:
        """Remove every session."""
        self._sessions.clear()

    def _require(self, session_id: int) -> None:
        if session_id not in self._sessions:
            raise EntryNotFoundError(f"no clone session {session_id}")

    def _store(self, session_id: int, session: CloneSession) -> None:
        if session.packet_length_bytes < 0:
            raise InvalidEntryError(
                f"clone session {session_id}: packet length {session.packet_length_bytes} is negative"
            )
        _check_replicas(f"clone session {session_id}", session.replicas)
        self._sessions[session_id] = session
