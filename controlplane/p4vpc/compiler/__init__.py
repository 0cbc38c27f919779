# SPDX-License-Identifier: Apache-2.0
"""Pure compiler: `(model, switch) -> DesiredState`. No I/O, no clock, no globals.

One file for each stage of the pipeline: access, termination, guard, answer, mapping, flood, redirect, policy,
network_acl, underlay, drops; for what is metered: qos, punt; for copies: mirror; `ways` finds paths through
the fabric.
"""

from p4vpc.compiler.compile import compile_fabric, compile_switch, compile_vpc
from p4vpc.compiler.drop_reasons import DropReason
from p4vpc.compiler.drops import check_samples
from p4vpc.compiler.entries import DesiredEntry, DesiredState, Entry, Identity, Origin
from p4vpc.compiler.pieces import Piece, merge
from p4vpc.compiler.scope import NOBODY, Moved, vpc_of

__all__ = [
    "NOBODY",
    "DesiredEntry",
    "DesiredState",
    "DropReason",
    "Entry",
    "Identity",
    "Moved",
    "Origin",
    "Piece",
    "check_samples",
    "compile_fabric",
    "compile_switch",
    "compile_vpc",
    "merge",
    "vpc_of",
]
