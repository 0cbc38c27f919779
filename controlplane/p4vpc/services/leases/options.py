# SPDX-License-Identifier: Apache-2.0
"""What a controller is told about being one of several."""

from dataclasses import dataclass

LEASE_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """Times in seconds.

    Attributes:
        name: of this controller; each has one of its own, and keeps it when it starts again.
        url: of its API, for whoever asks which controller owns a switch.
        seconds: how long a controller that says nothing still owns its switches; it says something four times as often.
        settle: how long the same controllers must have been live before switches move to balance them.
    """

    name: str
    url: str = ""
    seconds: float = LEASE_SECONDS
    settle: float = 2 * LEASE_SECONDS
