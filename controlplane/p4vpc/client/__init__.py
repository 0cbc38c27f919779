# SPDX-License-Identifier: Apache-2.0
"""Python SDK: typed clients of the REST API, blocking and for asyncio. The command line is made of it.

`Client` and `AsyncClient` have a method for each operation of the API's description, with the same names, so code for
one is code for the other but for `await`. docs/sdk.md has examples.
"""

from p4vpc.client.async_client import AsyncClient
from p4vpc.client.client import Client
from p4vpc.client.errors import RefusedError, ServerError, UnreachableError
from p4vpc.client.models import (
    ApplyResult,
    AuditItem,
    CommitEvent,
    Counter,
    Counters,
    CreatedToken,
    Drops,
    DropSample,
    DropSamples,
    Identifier,
    Identifiers,
    Link,
    ObjectChange,
    ObjectRef,
    ObjectStatus,
    Outcome,
    Status,
    Switch,
    SwitchProblem,
    TokenInfo,
    Tokens,
    Versioned,
    VpcSnapshot,
)
from p4vpc.client.retries import NO_RETRIES, Retries
from p4vpc.client.tls import ClientTls
from p4vpc.client.traces import Hop, Lookup, Output, Remark, Trace, Traced, TraceRule, Verdict

__all__ = (
    "NO_RETRIES",
    "ApplyResult",
    "AsyncClient",
    "AuditItem",
    "Client",
    "ClientTls",
    "CommitEvent",
    "Counter",
    "Counters",
    "CreatedToken",
    "DropSample",
    "DropSamples",
    "Drops",
    "Hop",
    "Identifier",
    "Identifiers",
    "Link",
    "Lookup",
    "ObjectChange",
    "ObjectRef",
    "ObjectStatus",
    "Outcome",
    "Output",
    "RefusedError",
    "Remark",
    "Retries",
    "ServerError",
    "Status",
    "Switch",
    "SwitchProblem",
    "TokenInfo",
    "Tokens",
    "Trace",
    "TraceRule",
    "Traced",
    "UnreachableError",
    "Verdict",
    "Versioned",
    "VpcSnapshot",
)
