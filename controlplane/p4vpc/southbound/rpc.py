# SPDX-License-Identifier: Apache-2.0
"""gRPC errors in words of ours.

A failed write tells about each update in `grpc-status-details-bin`: a google.rpc.Status whose details are one
p4.v1.Error for each update, in order, those that went well included (P4Runtime 1.4, section 12.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from finsy import GRPCStatusCode
from finsy.p4client import P4RpcStatus
from google.protobuf.message import DecodeError

from p4vpc.errors import SouthboundError

_ABOUT_THE_REQUEST = frozenset(
    {
        GRPCStatusCode.INVALID_ARGUMENT,
        GRPCStatusCode.OUT_OF_RANGE,
        GRPCStatusCode.RESOURCE_EXHAUSTED,
        GRPCStatusCode.UNKNOWN,
        GRPCStatusCode.INTERNAL,
    }
)


class RpcError(SouthboundError):
    """A call failed as a whole.

    Attributes:
        code: gRPC status.
        reason: what the target said.
    """

    def __init__(self, operation: str, code: GRPCStatusCode, reason: str):
        super().__init__(f"{operation}: {code.name}: {reason}" if reason else f"{operation}: {code.name}")
        self.code = code
        self.reason = reason

    @property
    def is_about_the_request(self) -> bool:
        """Whether another request may fare better; otherwise it is the connection, or our right to write."""
        return self.code in _ABOUT_THE_REQUEST


@dataclass(frozen=True, slots=True)
class UpdateError:
    """Why one update was refused."""

    code: GRPCStatusCode
    message: str

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}" if self.message else self.code.name


def rpc_error(operation: str, error: grpc.aio.AioRpcError) -> RpcError:
    """The error of a call that either works or does not."""
    code = GRPCStatusCode.from_status_code(error.code())
    return RpcError(operation, code, error.details() or "")


def update_errors(error: grpc.aio.AioRpcError, updates: int) -> Mapping[int, UpdateError]:
    """Errors of a failed write by position of the update.

    Args:
        error: how the write ended.
        updates: how many it had.

    Raises:
        RpcError: the write failed as a whole; nothing is known about single updates.
    """
    try:
        status = P4RpcStatus.from_rpc_error(error)
    except (DecodeError, ValueError) as broken:
        raise RpcError(
            "write", GRPCStatusCode.from_status_code(error.code()), f"unreadable details: {broken}"
        ) from None
    if not status.details:
        raise rpc_error("write", error)
    beyond = [position for position in status.details if position >= updates]
    if beyond:
        raise RpcError("write", status.code, f"details of update {beyond[0]}, but only {updates} were sent")
    return {position: UpdateError(detail.canonical_code, detail.message) for position, detail in status.details.items()}
