# SPDX-License-Identifier: Apache-2.0
"""The compiler's entry point."""

from p4vpc.compiler.entries import DesiredState
from p4vpc.model import Model


def compile_switch(model: Model, switch: str) -> DesiredState:
    """Return all entries that the switch shall hold, each with its origins.

    Raises KeyError for a switch that the model has not, InternalError if two intents ask for different entries
    under one identity (the model should have refused them).
    """
    raise NotImplementedError
