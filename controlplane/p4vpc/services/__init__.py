# SPDX-License-Identifier: Apache-2.0
"""The controller: commits of intent, the way from there to the switches, and what comes back from them.

`intents` owns the store, `controller` the agents, `responder` the answers to packets that the switches hand up,
`moves` what goes first and who redirects while ports move, `announced_moves` the moves that hosts announce (`damping`
how often), `links` which links of the fabric count, `telemetry` what is read from switches on
request.
"""

from p4vpc.services.blocking import Blocking
from p4vpc.services.controller import Controller, ControllerStatus, MobilityOptions, Outcome
from p4vpc.services.damping import DampingOptions
from p4vpc.services.intents import Applied, Edit, IntentService, Operation
from p4vpc.services.telemetry import Counter, Drops, Telemetry, read_drops, read_telemetry

__all__ = (
    "Applied",
    "Blocking",
    "Controller",
    "ControllerStatus",
    "Counter",
    "DampingOptions",
    "Drops",
    "Edit",
    "IntentService",
    "MobilityOptions",
    "Operation",
    "Outcome",
    "Telemetry",
    "read_drops",
    "read_telemetry",
)
