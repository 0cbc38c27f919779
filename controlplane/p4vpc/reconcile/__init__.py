# SPDX-License-Identifier: Apache-2.0
"""From what a switch holds to what it shall hold: ordered batches of updates, as few as possible. Pure.

`schema` tells what the planner has to know of a pipeline, `normalise` brings entries into the one form in which they
are compared, `capacity` decides what does not fit, `planner` orders what is left.
"""

from p4vpc.reconcile.capacity import LeftOut
from p4vpc.reconcile.normalise import normalise
from p4vpc.reconcile.planner import Batch, Change, Operation, Plan, plan, plan_some
from p4vpc.reconcile.schema import (
    ActionSchema,
    DependencyCycleError,
    FieldSchema,
    MatchKind,
    MeterSchema,
    Reference,
    Schema,
    SchemaError,
    SelectorSchema,
    TableSchema,
)

__all__ = (
    "ActionSchema",
    "Batch",
    "Change",
    "DependencyCycleError",
    "FieldSchema",
    "LeftOut",
    "MatchKind",
    "MeterSchema",
    "Operation",
    "Plan",
    "Reference",
    "Schema",
    "SchemaError",
    "SelectorSchema",
    "TableSchema",
    "normalise",
    "plan",
    "plan_some",
)
