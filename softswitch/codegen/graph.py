# SPDX-License-Identifier: Apache-2.0
"""From a control-flow graph to structured Python.

BMv2 JSON tells where to go next; Python has no goto. Where branches meet again is a node's immediate post-dominator:
the branches are emitted up to there, indented, and then the code goes on flat. A node that can be reached by two ways
without dominating the join is emitted twice; when that would grow too much, or where there are loops, the graph
becomes a loop over a state number instead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)

MAX_GROWTH = 8
MIN_BUDGET = 64


class FlowGraph(Generic[Name]):
    """A graph by its successor lists; None is the end. Only what is reachable from the start counts."""

    def __init__(self, start: Name | None, successors: Mapping[Name, Iterable[Name | None]]) -> None:
        self.start = start
        self.order = self._topological(start, successors)
        self.is_cyclic = self.order is None
        self.reachable = self._reach(start, successors)
        self.successors = {node: tuple(dict.fromkeys(successors[node])) for node in self.reachable}
        self._join = {} if self.order is None else self._post_dominators(self.order)

    def join(self, node: Name) -> Name | None:
        """Return where all ways out of a node meet again, None for the end."""
        return self._join[node]

    def is_structured(self) -> bool:
        """True if emitting the graph as nested branches neither loops nor multiplies the code."""
        if self.is_cyclic:
            return False
        budget = max(MIN_BUDGET, MAX_GROWTH * len(self.reachable))
        return self._cost(self.start, None, budget) >= 0

    def _cost(self, node: Name | None, stop: Name | None, budget: int) -> int:
        """Return what is left of a budget of emitted nodes, negative when it is used up."""
        while node is not None and node != stop and budget >= 0:
            budget -= 1
            join = self._join[node]
            for successor in self.successors[node]:
                if successor != join:
                    budget = self._cost(successor, join, budget)
            node = join
        return budget

    @staticmethod
    def _reach(start: Name | None, successors: Mapping[Name, Iterable[Name | None]]) -> list[Name]:
        found: dict[Name, None] = {}
        pending = [start]
        while pending:
            node = pending.pop()
            if node is not None and node not in found:
                found[node] = None
                pending.extend(successors[node])
        return list(found)

    @staticmethod
    def _topological(start: Name | None, successors: Mapping[Name, Iterable[Name | None]]) -> list[Name] | None:
        """Return reachable nodes, each before its successors; None if there is a cycle."""
        order: list[Name] = []
        done: dict[Name, bool] = {}
        pending: list[tuple[Name | None, bool]] = [(start, False)]
        while pending:
            node, is_left = pending.pop()
            if node is None:
                continue
            if is_left:
                done[node] = True
                order.append(node)
            elif node not in done:
                done[node] = False
                pending.append((node, True))
                pending.extend((successor, False) for successor in successors[node])
            elif not done[node]:
                return None
        order.reverse()
        return order

    def _post_dominators(self, order: list[Name]) -> dict[Name, Name | None]:
        position = {node: index for index, node in enumerate(order)}
        join: dict[Name, Name | None] = {}
        for node in reversed(order):
            meeting: Name | None = None
            is_first = True
            for successor in self.successors[node]:
                if is_first:
                    meeting, is_first = successor, False
                    continue
                left, right = meeting, successor
                while left != right:
                    if left is None or right is None:
                        left = right = None
                    elif position[left] < position[right]:
                        left = join[left]
                    else:
                        right = join[right]
                meeting = left
            join[node] = meeting
        return join


Go = Callable[[Name | None], None]
"""Called by an emitter where control passes on to a successor."""


def emit_structured(graph: FlowGraph[Name], emit: Callable[[Name, Go[Name]], None]) -> None:
    """Emit a graph as nested branches; ``emit`` writes one node and calls ``go`` once per successor it branches to."""

    def run(node: Name | None, stop: Name | None) -> None:
        while node is not None and node != stop:
            join = graph.join(node)
            emit(node, partial(run, stop=join))
            node = join

    run(graph.start, None)
