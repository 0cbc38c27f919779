# SPDX-License-Identifier: Apache-2.0
"""Errors of a write: by update if the target tells, as a whole if not."""

import grpc
import pytest
from finsy import GRPCStatusCode
from finsy.proto import U128, p4r, rpc_code, rpc_status
from google.protobuf.any_pb2 import Any

from p4vpc.southbound import quirks
from p4vpc.southbound.rpc import RpcError, update_errors


def failed(code: grpc.StatusCode, text: str, details: bytes | None = None) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(*([("grpc-status-details-bin", details)] if details is not None else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, text)


def details_of(*codes: int) -> bytes:
    status = rpc_status.Status(code=rpc_code.UNKNOWN, message="write failed")
    for position, code in enumerate(codes):
        detail = Any()
        detail.Pack(p4r.Error(canonical_code=code, message=f"update {position}"))
        status.details.append(detail)
    return status.SerializeToString()


def test_each_failed_update_is_found_by_its_position() -> None:
    codes = (rpc_code.OK, rpc_code.RESOURCE_EXHAUSTED, rpc_code.OK, rpc_code.NOT_FOUND)
    errors = update_errors(failed(grpc.StatusCode.UNKNOWN, "write failed", details_of(*codes)), 4)
    assert {position: str(error) for position, error in errors.items()} == {
        1: "RESOURCE_EXHAUSTED: update 1",
        3: "NOT_FOUND: update 3",
    }


def test_a_failure_without_details_is_one_of_the_whole() -> None:
    with pytest.raises(RpcError, match="write: PERMISSION_DENIED: Not primary") as caught:
        update_errors(failed(grpc.StatusCode.PERMISSION_DENIED, "Not primary"), 2)
    assert not caught.value.is_about_the_request


@pytest.mark.parametrize("details", [b"\xff\xff", details_of(rpc_code.OK, rpc_code.OK, rpc_code.ABORTED)])
def test_details_that_make_no_sense_are_no_success(details: bytes) -> None:
    with pytest.raises(RpcError, match="details"):
        update_errors(failed(grpc.StatusCode.UNKNOWN, "write failed", details), 2)


@pytest.mark.parametrize(
    ("code", "is_about_the_request"),
    [
        (GRPCStatusCode.INVALID_ARGUMENT, True),
        (GRPCStatusCode.INTERNAL, True),
        (GRPCStatusCode.UNAVAILABLE, False),
        (GRPCStatusCode.DEADLINE_EXCEEDED, False),
        (GRPCStatusCode.FAILED_PRECONDITION, False),
    ],
)
def test_a_request_is_narrowed_down_only_if_it_is_to_blame(code: GRPCStatusCode, is_about_the_request: bool) -> None:
    assert RpcError("write", code, "").is_about_the_request is is_about_the_request


@pytest.mark.parametrize(
    ("code", "told", "is_primary"),
    [
        (rpc_code.OK, 7, True),
        (rpc_code.OK, 8, False),
        (rpc_code.ALREADY_EXISTS, 7, False),
        (rpc_code.NOT_FOUND, 7, False),
    ],
)
def test_primary_is_who_is_told_so_under_his_own_election_id(code: int, told: int, is_primary: bool) -> None:
    update = p4r.MasterArbitrationUpdate(election_id=U128.encode(told), status=rpc_status.Status(code=code))
    assert quirks.is_primary(update, 7) is is_primary
