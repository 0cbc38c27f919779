# SPDX-License-Identifier: Apache-2.0
"""Actions, tables and conditions, and the order that they run in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from softswitch.ir.expressions import Expr, FieldRef, IsValid
from softswitch.ir.statements import Statement
from softswitch.runtime.entries import ActionCall, KeyField, MatchValue


@dataclass(frozen=True, slots=True)
class Action:
    """An action; several may share a control-plane name when the compiler made one copy per table."""

    action_id: int
    name: str
    params: tuple[tuple[str, int], ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class TableKey:
    """A key field with the expression that is looked up (an invalid header's field counts as 0)."""

    field: KeyField
    value: FieldRef | IsValid
    mask: int | None


@dataclass(frozen=True, slots=True)
class ConstEntry:
    """An entry that the program declares."""

    key: tuple[MatchValue, ...]
    action: ActionCall
    priority: int


@dataclass(frozen=True, slots=True)
class TableNode:
    """A table and where the pipeline goes on after it.

    ``next_by_action`` maps action names; ``next_hit`` and ``next_miss`` are used instead where ``splits_on_hit``.
    """

    name: str
    key: tuple[TableKey, ...]
    actions: tuple[int, ...]
    max_size: int
    profile: str | None
    has_counter: bool
    meter: str | None
    has_idle_timeout: bool
    default: ActionCall | None
    has_const_default: bool
    entries: tuple[ConstEntry, ...]
    splits_on_hit: bool
    next_hit: str | None
    next_miss: str | None
    next_by_action: tuple[tuple[str, str | None], ...]
    next_default: str | None


@dataclass(frozen=True, slots=True)
class ConditionNode:
    """An ``if``."""

    name: str
    condition: Expr
    text: str
    next_true: str | None
    next_false: str | None


@dataclass(frozen=True, slots=True)
class ActionNode:
    """A direct call of an action without parameters."""

    name: str
    action_id: int
    next: str | None


Node: TypeAlias = TableNode | ConditionNode | ActionNode


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Ingress or egress."""

    name: str
    start: str | None
    nodes: tuple[Node, ...]


def used_actions(pipeline: Pipeline) -> set[int]:
    """Return the ids of the actions that a pipeline may run."""
    used: set[int] = set()
    for node in pipeline.nodes:
        if isinstance(node, TableNode):
            used.update(node.actions)
        elif isinstance(node, ActionNode):
            used.add(node.action_id)
    return used
