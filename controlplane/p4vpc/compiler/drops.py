# SPDX-License-Identifier: Apache-2.0
"""Counters of drops: without its entry a reason is dropped uncounted.

Writes `drop_reasons`, and in egress `egress_drop_reasons`.
"""

from p4vpc.compiler.drop_reasons import DropReason
from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.model import ModelSwitch


def emit_switch(switch: ModelSwitch) -> Emitted:
    """Yield an entry for each reason, in both directions of the pipeline."""
    for table in ("drop_reasons", "egress_drop_reasons"):
        for reason in DropReason:
            yield TableEntry(table, (Exact(reason.value),), 0, ActionCall("count_drop")), switch.id
