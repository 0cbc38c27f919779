# SPDX-License-Identifier: Apache-2.0
import pytest
from finsy.proto import p4r
from google.protobuf.any_pb2 import Any
from grpc import StatusCode

from softswitch.p4runtime.arbitration import MAX_CLIENTS_PER_ROLE, Arbiter, Client, int_to_uint128, uint128_to_int
from softswitch.p4runtime.status import StatusError

OK, NOT_FOUND, ALREADY_EXISTS = 0, 5, 6


def update(election_id: int | None, role: str = "", device_id: int = 1) -> p4r.MasterArbitrationUpdate:
    message = p4r.MasterArbitrationUpdate(device_id=device_id)
    if election_id is not None:
        message.election_id.CopyFrom(int_to_uint128(election_id))
    if role:
        message.role.name = role
    return message


def told(notifications) -> dict[str, tuple[int, int | None]]:
    """What each client was told: status code and highest election id. Nobody is told twice."""
    result = {
        client.name: (
            advice.status.code,
            uint128_to_int(advice.election_id) if advice.HasField("election_id") else None,
        )
        for client, advice in notifications
    }
    assert len(result) == len(notifications)
    return result


@pytest.fixture
def arbiter():
    return Arbiter(1)


def test_the_highest_election_id_is_primary(arbiter):
    a, b, c = Client("a"), Client("b"), Client("c")
    assert told(arbiter.update(a, update(10))) == {"a": (OK, 10)}
    assert told(arbiter.update(b, update(5))) == {"b": (ALREADY_EXISTS, 10)}
    assert told(arbiter.update(c, update(1 << 100))) == {
        "a": (ALREADY_EXISTS, 1 << 100),
        "b": (ALREADY_EXISTS, 1 << 100),
        "c": (OK, 1 << 100),
    }
    assert arbiter.primaries() == [c]


def test_the_new_primary_is_told_last(arbiter):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(1))
    assert [client.name for client, _ in arbiter.update(b, update(2))] == ["a", "b"]


def test_nobody_takes_over_when_the_primary_leaves_until_one_claims_it(arbiter):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(10))
    arbiter.update(b, update(9))
    assert told(arbiter.leave(a)) == {"b": (NOT_FOUND, 10)}
    assert told(arbiter.update(b, update(9))) == {"b": (NOT_FOUND, 10)}
    assert told(arbiter.update(b, update(10))) == {"b": (OK, 10)}


def test_a_primary_may_step_down(arbiter):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(10))
    arbiter.update(b, update(9))
    assert told(arbiter.update(a, update(3))) == {"a": (NOT_FOUND, 10), "b": (NOT_FOUND, 10)}
    assert arbiter.primaries() == []
    arbiter.update(a, update(10))
    assert told(arbiter.update(a, update(None))) == {"a": (NOT_FOUND, 10), "b": (NOT_FOUND, 10)}


def test_a_backup_that_leaves_disturbs_nobody(arbiter):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(10))
    arbiter.update(b, update(9))
    assert arbiter.leave(b) == []
    assert arbiter.leave(Client("never joined")) == []
    assert arbiter.is_primary(a)


def test_a_client_without_election_id_is_never_primary(arbiter):
    a, b = Client("a"), Client("b")
    assert told(arbiter.update(a, update(None))) == {"a": (NOT_FOUND, None)}
    assert told(arbiter.update(b, update(None))) == {"b": (NOT_FOUND, None)}
    assert told(arbiter.update(b, update(0))) == {"a": (ALREADY_EXISTS, 0), "b": (OK, 0)}


def test_roles_have_primaries_of_their_own(arbiter):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(10))
    notifications = arbiter.update(b, update(10, role="stats"))
    assert told(notifications) == {"b": (OK, 10)}
    assert notifications[0][1].role.name == "stats"
    arbiter.check_write("", int_to_uint128(10))
    arbiter.check_write("stats", int_to_uint128(10))


@pytest.mark.parametrize(
    ("second", "code", "message"),
    [
        (update(5, device_id=2), StatusCode.FAILED_PRECONDITION, "device_id"),
        (update(5, role="other"), StatusCode.FAILED_PRECONDITION, "role"),
        (update(7), StatusCode.INVALID_ARGUMENT, "election_id: 7 is already used"),
    ],
)
def test_a_live_client_cannot_become_another(arbiter, second, code, message):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(5))
    arbiter.update(b, update(7))
    with pytest.raises(StatusError, match=message) as caught:
        arbiter.update(a, second)
    assert caught.value.code is code
    assert a.election_id == 5


def test_a_new_client_must_name_this_device_and_a_free_election_id(arbiter):
    a, b = Client("a"), Client("b")
    arbiter.update(a, update(5))
    with pytest.raises(StatusError, match="no device 9") as caught:
        arbiter.update(b, update(6, device_id=9))
    assert caught.value.code is StatusCode.NOT_FOUND
    with pytest.raises(StatusError, match="already used") as caught:
        arbiter.update(b, update(5))
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert not b.has_joined
    assert arbiter.is_primary(a)


def test_a_role_configuration_is_refused(arbiter):
    message = update(5, role="stats")
    message.role.config.CopyFrom(Any(type_url="type.example/Config"))
    with pytest.raises(StatusError, match=r"role\.config") as caught:
        arbiter.update(Client("a"), message)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT


def test_the_number_of_streams_is_bounded(arbiter):
    for number in range(MAX_CLIENTS_PER_ROLE):
        arbiter.update(Client(str(number)), update(None))
    with pytest.raises(StatusError) as caught:
        arbiter.update(Client("one more"), update(None))
    assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("role", "election_id", "code"),
    [
        ("", 9, StatusCode.PERMISSION_DENIED),
        ("", None, StatusCode.PERMISSION_DENIED),
        ("stats", 10, StatusCode.NOT_FOUND),
    ],
)
def test_only_the_primary_writes(arbiter, role, election_id, code):
    with pytest.raises(StatusError, match="no primary") as caught:
        arbiter.check_write("", int_to_uint128(10))
    assert caught.value.code is StatusCode.PERMISSION_DENIED
    arbiter.update(Client("a"), update(10))
    arbiter.update(Client("b"), update(9))
    arbiter.check_write("", int_to_uint128(10))
    with pytest.raises(StatusError) as caught:
        arbiter.check_write(role, None if election_id is None else int_to_uint128(election_id))
    assert caught.value.code is code
