# SPDX-License-Identifier: Apache-2.0
"""Structured code takes exactly the way that the graph takes."""

from hypothesis import given
from hypothesis import strategies as st

from softswitch.codegen.graph import FlowGraph, Go, emit_structured
from softswitch.codegen.text import Writer

Graph = dict[int, tuple[int | None, int | None]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Acyclic graphs of up to twelve nodes with two ways out of each."""
    size = draw(st.integers(1, 12))
    return {
        node: (
            draw(st.none() | st.integers(node + 1, size - 1)) if node + 1 < size else None,
            draw(st.none() | st.integers(node + 1, size - 1)) if node + 1 < size else None,
        )
        for node in range(size)
    }


def structured(graph: Graph) -> tuple[FlowGraph[int], str]:
    flow = FlowGraph(0, graph)
    writer = Writer()

    def emit(node: int, go: Go[int]) -> None:
        writer.line(f"visited.append({node})")
        if graph[node][0] == graph[node][1]:
            return
        arms = []
        for successor in graph[node]:
            with writer.captured() as lines:
                go(successor)
            arms.append(lines)
        writer.branch([(f"turns[{node}]", arms[0])], arms[1])

    emit_structured(flow, emit)
    return flow, str(writer)


@given(graphs(), st.data())
def test_structured_code_visits_the_same_nodes(graph: Graph, data: st.DataObject) -> None:
    _, source = structured(graph)
    for _ in range(5):
        turns = data.draw(st.lists(st.booleans(), min_size=len(graph), max_size=len(graph)))
        expected: list[int] = []
        node: int | None = 0
        while node is not None:
            expected.append(node)
            node = graph[node][0] if turns[node] else graph[node][1]
        visited: list[int] = []
        exec(source, {"turns": turns, "visited": visited})
        assert visited == expected


def test_diamonds_are_not_multiplied() -> None:
    graph: Graph = {}
    for step in range(0, 60, 3):
        graph[step] = (step + 1, step + 2)
        graph[step + 1] = graph[step + 2] = (step + 3, step + 3)
    graph[60] = (None, None)
    flow, source = structured(graph)
    assert flow.is_structured()
    assert source.count("visited.append") == len(graph)


def test_ladder_that_would_grow_exponentially_is_not_structured() -> None:
    graph: Graph = {}
    for level in range(0, 40, 2):
        graph[level] = (level + 2, level + 3)
        graph[level + 1] = (level + 3, level + 2)
    graph[40] = graph[41] = (None, 42)
    graph[42] = (None, None)
    assert not FlowGraph(0, graph).is_structured()


def test_loops_are_not_structured() -> None:
    graph: Graph = {0: (1, 1), 1: (0, None)}
    flow = FlowGraph(0, graph)
    assert flow.is_cyclic
    assert not flow.is_structured()


def test_only_what_can_be_reached_counts() -> None:
    flow = FlowGraph(0, {0: (None, None), 1: (1, 1)})
    assert flow.reachable == [0]
    assert not flow.is_cyclic
