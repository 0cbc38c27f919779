# SPDX-License-Identifier: Apache-2.0
"""Pure compiler: `(model, switch) -> DesiredState`. No I/O, no clock, no globals."""

from p4vpc.compiler.compile import compile_switch
from p4vpc.compiler.entries import DesiredEntry, DesiredState, Entry, Identity, Origin

__all__ = ["DesiredEntry", "DesiredState", "Entry", "Identity", "Origin", "compile_switch"]
