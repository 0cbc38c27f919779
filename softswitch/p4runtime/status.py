# SPDX-License-Identifier: Apache-2.0
"""Errors on the wire: canonical codes, and google.rpc.Status with one p4.v1.Error per element of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r, rpc_status
from google.protobuf.any_pb2 import Any as AnyMessage
from grpc import StatusCode

from softswitch.errors import SoftswitchError

STATUS_DETAILS_KEY = "grpc-status-details-bin"

MAX_DETAIL_TEXT = 24 << 10
"""Characters of messages in one status. It travels as metadata, which clients bound (gRPC by default at 8 KiB, finsy at
64 KiB); beyond this a failed update is reported with its code alone."""


def code_number(code: StatusCode) -> int:
    """The number of a canonical code as google.rpc.Code and p4.v1.Error carry it."""
    number: int = code.value[0]
    return number


class StatusError(SoftswitchError):
    """A request or one update of it is refused: a canonical code and a message that names object and field."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BatchError(StatusError):
    """Some elements of a batch failed: UNKNOWN, with one error (or None for success) for each element, in order."""

    def __init__(self, message: str, errors: Sequence[StatusError | None]) -> None:
        super().__init__(StatusCode.UNKNOWN, message)
        self.errors = errors

    def to_status(self) -> rpc_status.Status:
        """The google.rpc.Status that goes into the trailing metadata `grpc-status-details-bin`."""
        status = rpc_status.Status(code=code_number(self.code), message=self.message)
        room = MAX_DETAIL_TEXT
        for error in self.errors:
            detail = p4r.Error()
            if error is not None:
                detail.canonical_code = code_number(error.code)
                room -= len(error.message)
                if room >= 0:
                    detail.message = error.message
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return status


def invalid(message: str) -> StatusError:
    """INVALID_ARGUMENT, the commonest refusal."""
    return StatusError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> StatusError:
    """NOT_FOUND."""
    return StatusError(StatusCode.NOT_FOUND, message)


def unimplemented(message: str) -> StatusError:
    """UNIMPLEMENTED."""
    return StatusError(StatusCode.UNIMPLEMENTED, message)
