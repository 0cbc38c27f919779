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
    for table, action in (("drop_reasons", "count_drop"), ("egress_drop_reasons", "count_egress_drop")):
        for reason in DropReason:
            yield TableEntry(table, (Exact(reason.value),), 0, ActionCall(action)), switch.id
