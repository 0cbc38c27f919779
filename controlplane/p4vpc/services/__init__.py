# SPDX-License-Identifier: Apache-2.0
"""The controller: commits of intent, the way from there to the switches, and what comes back from them.

`intents` owns the store, `access` knows who calls, `tenant_changes` what a tenant may change (`limits` how much);
`controller` leads each revision to the agents (`fleet`), `progress` says how far it is, `outcomes` waits for that;
`leases` says which switches are this controller's, `membership` what that has to do with the rest; `responder` has the
answers to packets that the switches hand up, `relocation` lets new switches of ports that move go first and old ones
redirect (`moves` knows which), `announced_moves` the moves that hosts announce (`damping` how often); `links` knows
which links of the fabric count, `rerouting` leads round those that do not,
`realised` how far one object is (`origins` where it has entries), `concern` what a tenant waits for, `snapshots` what
whole VPCs were, `telemetry` what is read from switches on request.
"""

from p4vpc.services.access import AccessService, ForbiddenError, Principal
from p4vpc.services.blocking import Blocking
from p4vpc.services.concern import Concern
from p4vpc.services.controller import Controller, ControllerStatus
from p4vpc.services.damping import DampingOptions
from p4vpc.services.intents import Applied, Edit, IntentService, Operation, Plan
from p4vpc.services.leases import LEASE_SECONDS, LeaseOptions
from p4vpc.services.limits import LimitError, RequestRates, TenantLimits, check_limits
from p4vpc.services.outcomes import Outcome
from p4vpc.services.realised import Realised, RealisedState, read_realised
from p4vpc.services.relocation import MobilityOptions
from p4vpc.services.telemetry import Counter, Drops, Telemetry, read_drops, read_telemetry
from p4vpc.services.tenant_changes import permitted

__all__ = (
    "LEASE_SECONDS",
    "AccessService",
    "Applied",
    "Blocking",
    "Concern",
    "Controller",
    "ControllerStatus",
    "Counter",
    "DampingOptions",
    "Drops",
    "Edit",
    "ForbiddenError",
    "IntentService",
    "LeaseOptions",
    "LimitError",
    "MobilityOptions",
    "Operation",
    "Outcome",
    "Plan",
    "Principal",
    "Realised",
    "RealisedState",
    "RequestRates",
    "Telemetry",
    "TenantLimits",
    "check_limits",
    "permitted",
    "read_drops",
    "read_realised",
    "read_telemetry",
)
