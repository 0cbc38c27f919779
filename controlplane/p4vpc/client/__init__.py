# SPDX-License-Identifier: Apache-2.0
"""Client of the REST API; the command line is made of it."""

from p4vpc.client.client import Client, RefusedError, ServerError, UnreachableError
from p4vpc.client.models import (
    ApplyResult,
    AuditItem,
    CommitEvent,
    Counter,
    Counters,
    Drops,
    DropSample,
    DropSamples,
    ObjectChange,
    ObjectRef,
    ObjectStatus,
    Outcome,
    Status,
    Switch,
    SwitchProblem,
    TokenInfo,
)
from p4vpc.client.tls import ClientTls

__all__ = (
    "ApplyResult",
    "AuditItem",
    "Client",
    "ClientTls",
    "CommitEvent",
    "Counter",
    "Counters",
    "DropSample",
    "DropSamples",
    "Drops",
    "ObjectChange",
    "ObjectRef",
    "ObjectStatus",
    "Outcome",
    "RefusedError",
    "ServerError",
    "Status",
    "Switch",
    "SwitchProblem",
    "TokenInfo",
    "UnreachableError",
)
