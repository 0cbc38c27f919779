# SPDX-License-Identifier: Apache-2.0
"""Counters of drops: without its entry a reason is dropped uncounted. What the controller answers or samples it sees.

Writes `drop_reasons`, and in egress `egress_drop_reasons`.
"""

from collections.abc import Iterator

from p4vpc.compiler.drop_reasons import ANSWERED, DropReason
from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.errors import Problem
from p4vpc.intent import Fabric, closest
from p4vpc.model import Model, ModelSwitch


def emit_switch(model: Model, switch: ModelSwitch) -> Emitted:
    """Yield an entry for each reason, in both directions of the pipeline."""
    for reason in DropReason:
        key = (Exact(reason.value),)
        is_sampled = name_of(reason) in model.drop_samples
        drop = ActionCall("punt_drop" if is_sampled or reason in ANSWERED else "count_drop")
        yield TableEntry("drop_reasons", key, 0, drop), switch.id
        drop = ActionCall("punt_egress_drop" if is_sampled else "count_egress_drop")
        yield TableEntry("egress_drop_reasons", key, 0, drop), switch.id


def name_of(reason: DropReason) -> str:
    """Return what a reason is called in intent and output."""
    return reason.name.lower()


def check_samples(fabric: Fabric) -> Iterator[Problem]:
    """Yield a problem for each reason to sample that there is not."""
    known = {name_of(reason) for reason in DropReason}
    for name in fabric.drop_samples:
        if name not in known:
            yield Problem(str(fabric), f"drop_samples.{name}", "is no drop reason", closest(name, known))
