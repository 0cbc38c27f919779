# SPDX-License-Identifier: Apache-2.0
"""What a client raises."""

from collections.abc import Iterable

from p4vpc.errors import ClientError, Problem, UserError


class UnreachableError(ClientError):
    """No controller answers at that address."""


class ServerError(ClientError):
    """The controller has failed, or what answers is none."""


class RefusedError(UserError):
    """The controller has refused the request; `problems` lists everything that is wrong.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, problems: Iterable[Problem], status: int):
        super().__init__(problems)
        self.status = status
