# SPDX-License-Identifier: Apache-2.0
"""What becomes of a packet: the pipeline executed in memory, switch by switch, with the entries of the real ones.

`plugin` is the seam to what executes (ADR 26), `question` what is asked and `frames` the frames that hosts would send,
`walk` the way over the fabric with `passes` through each switch, `explain` and `reasons` what the tables say in the
words of the intent, `verdict` the sentence at the end, `tracing` all of it, `service` asks a running controller.
"""

from p4vpc.services.trace.explain import DecidingRule, Remark
from p4vpc.services.trace.passes import Lookup, Pass
from p4vpc.services.trace.plugin import (
    LoadedSwitch,
    Processed,
    Step,
    StepKind,
    Tracer,
    TracerMissingError,
    find_tracer,
)
from p4vpc.services.trace.question import PROTOCOLS, Question
from p4vpc.services.trace.service import (
    NothingCompiledError,
    Report,
    TraceBusyError,
    TraceService,
    UnknownContentError,
)
from p4vpc.services.trace.tracing import Answer, Traced, ask, desired_of
from p4vpc.services.trace.verdict import Verdict, VerdictKind
from p4vpc.services.trace.walk import End, Held, Hop, Outcome, Walk, World

__all__ = [
    "PROTOCOLS",
    "Answer",
    "DecidingRule",
    "End",
    "Held",
    "Hop",
    "LoadedSwitch",
    "Lookup",
    "NothingCompiledError",
    "Outcome",
    "Pass",
    "Processed",
    "Question",
    "Remark",
    "Report",
    "Step",
    "StepKind",
    "TraceBusyError",
    "TraceService",
    "Traced",
    "Tracer",
    "TracerMissingError",
    "UnknownContentError",
    "Verdict",
    "VerdictKind",
    "Walk",
    "World",
    "ask",
    "desired_of",
    "find_tracer",
]
