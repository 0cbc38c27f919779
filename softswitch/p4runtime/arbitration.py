# SPDX-License-Identifier: Apache-2.0
"""Client arbitration (P4Runtime 1.5, section 5): who is primary for each role of one device.

Pure state: streams join, change their election id and leave; each step returns the notifications to send, in order.
Nothing here waits or sends, so the rules can be tested without gRPC.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from finsy.proto import p4r, rpc_status
from grpc import StatusCode

from softswitch.p4runtime.status import StatusError, code_number

MAX_CLIENTS_PER_ROLE = 128


@dataclass(eq=False)
class Client:
    """One open stream. `role_name` and `election_id` mean something once it has joined."""

    name: str
    role_name: str = ""
    election_id: int | None = None
    has_joined: bool = False


@dataclass(eq=False)
class Role:
    """One role of the device: its live clients, the highest election id ever seen, and the primary, if there is one."""

    name: str
    clients: list[Client] = field(default_factory=list)
    highest_election_id: int | None = None
    primary: Client | None = None


Notification = tuple[Client, p4r.MasterArbitrationUpdate]


def uint128_to_int(value: p4r.Uint128) -> int:
    """The integer that a Uint128 message holds."""
    return (value.high << 64) | value.low


def int_to_uint128(value: int) -> p4r.Uint128:
    """A Uint128 message that holds the integer."""
    return p4r.Uint128(high=value >> 64, low=value & 0xFFFF_FFFF_FFFF_FFFF)


class Arbiter:
    """Arbitration for one device. The election ids live as long as this object: a restart of the target resets them."""

    def __init__(self, device_id: int) -> None:
        self._device_id = device_id
        self._roles: dict[str, Role] = {"": Role("")}

    def update(self, client: Client, message: p4r.MasterArbitrationUpdate) -> list[Notification]:
        """Take a MasterArbitrationUpdate from a stream: the first one joins, later ones change the election id.

        Raises StatusError when the stream has to be ended; its state is unchanged then.
        """
        role_name = message.role.name
        election_id = uint128_to_int(message.election_id) if message.HasField("election_id") else None
        self._check_device(client, message.device_id)
        if client.has_joined and client.role_name != role_name:
            raise StatusError(
                StatusCode.FAILED_PRECONDITION,
                f"role: this stream has role {client.role_name!r} and cannot change to {role_name!r}; "
                f"open a new stream for that role",
            )
        if message.role.HasField("config"):
            raise StatusError(
                StatusCode.INVALID_ARGUMENT,
                f"role.config: no role configuration scheme is known ({message.role.config.type_url!r} was given); "
                f"leave it unset, which means full pipeline access",
            )
        role = self._roles.get(role_name)
        if role is not None:
            self._check_election_id(role, client, election_id)
        if role is None:
            role = self._roles[role_name] = Role(role_name)
        if not client.has_joined:
            client.role_name = role_name
            client.has_joined = True
            role.clients.append(client)
        client.election_id = election_id
        return self._elect(role, client)

    def leave(self, client: Client) -> list[Notification]:
        """Forget a stream that ended; when it was primary the others of its role are told that there is none."""
        if not client.has_joined:
            return []
        client.has_joined = False
        role = self._roles[client.role_name]
        role.clients.remove(client)
        if role.primary is not client:
            return []
        role.primary = None
        return [(other, self._advice(role, other)) for other in role.clients]

    def primaries(self) -> list[Client]:
        """The primary client of each role that has one."""
        return [role.primary for role in self._roles.values() if role.primary is not None]

    def is_primary(self, client: Client) -> bool:
        """Whether this stream is the primary of its role."""
        return client.has_joined and self._roles[client.role_name].primary is client

    def check_write(self, role_name: str, election_id: p4r.Uint128 | None) -> None:
        """Refuse a write that does not come from the primary of the role.

        Raises StatusError: NOT_FOUND for a role that no client ever had, PERMISSION_DENIED otherwise.
        """
        role = self._roles.get(role_name)
        if role is None:
            raise StatusError(StatusCode.NOT_FOUND, f"role: no client has joined with role {role_name!r}")
        if role.primary is None:
            raise StatusError(
                StatusCode.PERMISSION_DENIED,
                f"election_id: role {role_name!r} has no primary; become primary on a StreamChannel first",
            )
        given = None if election_id is None else uint128_to_int(election_id)
        if given != role.primary.election_id:
            raise StatusError(
                StatusCode.PERMISSION_DENIED,
                f"election_id: {'unset' if given is None else given} is not the primary's "
                f"({role.primary.election_id}) for role {role_name!r}",
            )

    def _check_device(self, client: Client, device_id: int) -> None:
        if device_id == self._device_id:
            return
        if client.has_joined:
            raise StatusError(
                StatusCode.FAILED_PRECONDITION,
                f"device_id: this stream is for device {self._device_id} and cannot change to {device_id}",
            )
        raise StatusError(
            StatusCode.NOT_FOUND, f"device_id: there is no device {device_id} here, only device {self._device_id}"
        )

    @staticmethod
    def _check_election_id(role: Role, client: Client, election_id: int | None) -> None:
        if election_id is not None and any(
            other is not client and other.election_id == election_id for other in role.clients
        ):
            raise StatusError(
                StatusCode.INVALID_ARGUMENT,
                f"election_id: {election_id} is already used by another live client of role {role.name!r}",
            )
        if not client.has_joined and len(role.clients) >= MAX_CLIENTS_PER_ROLE:
            raise StatusError(
                StatusCode.RESOURCE_EXHAUSTED,
                f"role {role.name!r} already has {MAX_CLIENTS_PER_ROLE} streams, the most that are served",
            )

    def _elect(self, role: Role, client: Client) -> list[Notification]:
        """Apply the election rules after `client` stated its election id (section 5.3)."""
        was_primary = role.primary is client
        highest = role.highest_election_id
        if client.election_id is not None and (highest is None or client.election_id >= highest):
            role.highest_election_id = client.election_id
            role.primary = client
            others = [other for other in role.clients if other is not client]
            return [(other, self._advice(role, other)) for other in [*others, client]]
        if was_primary:
            role.primary = None
            return [(other, self._advice(role, other)) for other in role.clients]
        return [(client, self._advice(role, client))]

    def _advice(self, role: Role, client: Client) -> p4r.MasterArbitrationUpdate:
        advice = p4r.MasterArbitrationUpdate(device_id=self._device_id)
        if role.name:
            advice.role.name = role.name
        if role.highest_election_id is not None:
            advice.election_id.CopyFrom(int_to_uint128(role.highest_election_id))
        if role.primary is client:
            status = rpc_status.Status(code=0, message="you are primary")
        elif role.primary is not None:
            status = rpc_status.Status(code=code_number(StatusCode.ALREADY_EXISTS), message="another client is primary")
        else:
            status = rpc_status.Status(code=code_number(StatusCode.NOT_FOUND), message="there is no primary")
        advice.status.CopyFrom(status)
        return advice
