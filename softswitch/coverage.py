# SPDX-License-Identifier: Apache-2.0
"""Which parts of a program packets have reached, counted from the steps that the traced code tells."""

from __future__ import annotations

import json
from collections import Counter

from softswitch import ir
from softswitch.codegen.control import successors
from softswitch.codegen.graph import FlowGraph
from softswitch.runtime.trace import TraceStep

MAX_KEY_BITS = 8
"""Tables with a key of at most so many bits are counted by key value as well: such keys are codes, as of reasons."""


class Coverage:
    """Counts of what was reached, and with 0 of what is there; one object may watch several switches in turn.

    What no path of the program leads to is left out: states and tables that nothing goes on to, hits of tables without
    key, actions of keyless tables other than their constant default.
    """

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.actions: Counter[tuple[str, str]] = Counter()
        self.keys: Counter[tuple[str, int]] = Counter()
        self._small: dict[str, tuple[int, ...]] = {}

    def include(self, program: ir.ProgramIr) -> None:
        """Add what a program has; what was counted before stays."""
        ways = {
            name: [*(item.next_state for item in state.transitions), state.default]
            for name, state in program.states.items()
        }
        self.states.update(dict.fromkeys(FlowGraph(program.parser_start, ways).reachable, 0))
        for pipeline in (program.ingress, program.egress):
            nodes = {node.name: node for node in pipeline.nodes}
            reachable = FlowGraph(pipeline.start, {name: successors(node) for name, node in nodes.items()}).reachable
            for name in reachable:
                node = nodes[name]
                if isinstance(node, ir.TableNode):
                    self._include_table(program, node)

    def _include_table(self, program: ir.ProgramIr, table: ir.TableNode) -> None:
        actions = [program.actions[number] for number in table.actions]
        names = [action.name for action in actions]
        if not table.key and table.has_const_default and table.default is not None:
            # A direct call; the compiler made the table. The traced code tells nothing of an action that does nothing.
            names = [action.name for action in actions if action.name == table.default.name and action.body]
        else:
            outcomes = ("hit", "miss") if table.key else ("miss",)
            self.outcomes.update({(table.name, outcome): 0 for outcome in outcomes})
        self.actions.update({(table.name, name): 0 for name in names})
        widths = tuple(key.field.width for key in table.key)
        if widths and sum(widths) <= MAX_KEY_BITS:
            self._small[table.name] = widths

    def add(self, step: TraceStep) -> None:
        """Count a step (called by generated code)."""
        if step.kind == "parse":
            self.states[step.name] += 1
        elif step.kind == "action":
            self.actions[step.detail, step.name] += 1
        elif step.kind == "table":
            self.outcomes[step.name, step.detail] += 1
            if step.entry is not None and step.name in self._small:
                packed = 0
                for width, value in zip(self._small[step.name], step.key, strict=True):
                    packed = packed << width | value
                self.keys[step.name, packed] += 1

    def to_json(self) -> str:
        """The counts: ``parser_states`` by name; ``tables`` by name with hit, miss, actions and, if small, keys hit."""
        names = dict.fromkeys(name for name, _ in (*self.outcomes, *self.actions))
        tables = {
            name: {
                **{outcome: count for (table, outcome), count in self.outcomes.items() if table == name},
                "actions": {action: count for (table, action), count in self.actions.items() if table == name},
                **(
                    {"keys": {str(key): count for (table, key), count in sorted(self.keys.items()) if table == name}}
                    if name in self._small
                    else {}
                ),
            }
            for name in names
        }
        return json.dumps({"parser_states": self.states, "tables": tables}, indent=1)
