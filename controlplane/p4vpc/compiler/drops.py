# SPDX-License-Identifier: Apache-2.0
"""Counters of drops: without its entry a reason is dropped uncounted. What the controller answers is shown to it too.

Writes `drop_reasons`, and in egress `egress_drop_reasons`.
"""

from p4vpc.compiler.drop_reasons import ANSWERED, DropReason
from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.model import ModelSwitch


def emit_switch(switch: ModelSwitch) -> Emitted:
    """Yield an entry for each reason, in both directions of the pipeline."""
    for reason in DropReason:
        key = (Exact(reason.value),)
        drop = ActionCall("punt_drop" if reason in ANSWERED else "count_drop")
        yield TableEntry("drop_reasons", key, 0, drop), switch.id
        yield TableEntry("egress_drop_reasons", key, 0, ActionCall("count_egress_drop")), switch.id
