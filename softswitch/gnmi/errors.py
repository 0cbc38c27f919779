# SPDX-License-Identifier: Apache-2.0
"""What a gNMI request is refused with: a canonical gRPC code and a message that names the path."""

from __future__ import annotations

from grpc import StatusCode

from softswitch.errors import SoftswitchError


class GnmiError(SoftswitchError):
    """A request is refused."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> GnmiError:
    """INVALID_ARGUMENT: no state of the switch would make this request right."""
    return GnmiError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> GnmiError:
    """NOT_FOUND: right, but not there now."""
    return GnmiError(StatusCode.NOT_FOUND, message)


def unimplemented(message: str) -> GnmiError:
    """UNIMPLEMENTED."""
    return GnmiError(StatusCode.UNIMPLEMENTED, message)
