# SPDX-License-Identifier: Apache-2.0
"""Pipelines of the BMv2 JSON: tables, conditions, action calls, constant entries."""

from __future__ import annotations

from softswitch import ir
from softswitch.reader.expressions import read_expression
from softswitch.reader.json_view import JsonView
from softswitch.reader.scope import Scope
from softswitch.runtime.entries import ActionCall, KeyField, MatchKind, MatchValue

HIT, MISS = "__HIT__", "__MISS__"


def read_pipeline(
    view: JsonView, scope: Scope, actions: dict[int, ir.Action], profiles: dict[str, ir.ProfileInfo]
) -> ir.Pipeline:
    """Read one pipeline; every ``next`` is checked to name a node of it."""
    tables = [_read_table(item, scope, actions, profiles) for item in view.items("tables")]
    nodes: list[ir.Node] = [*tables]
    nodes.extend(_read_condition(item, scope) for item in view.items("conditionals"))
    nodes.extend(_read_action_call(item, actions) for item in view.items("action_calls"))
    names = {node.name for node in nodes}
    for node in nodes:
        for successor in _successors(node):
            if successor is not None and successor not in names:
                raise view.wrong(f"a node {successor}, which {node.name} leads to")
    start = view["init_table"].text_or_none()
    if start is not None and start not in names:
        raise view["init_table"].wrong("the name of a node")
    return ir.Pipeline(view["name"].text(), start, tuple(nodes))


def _successors(node: ir.Node) -> tuple[str | None, ...]:
    match node:
        case ir.TableNode():
            return (node.next_hit, node.next_miss, node.next_default, *(name for _, name in node.next_by_action))
        case ir.ConditionNode():
            return (node.next_true, node.next_false)
        case ir.ActionNode():
            return (node.next,)


def _read_condition(view: JsonView, scope: Scope) -> ir.ConditionNode:
    info = view.get("source_info")
    fragment = info.get("source_fragment") if info else None
    name = view["name"].text()
    return ir.ConditionNode(
        name,
        read_expression(view["expression"], scope),
        fragment.text() if fragment else name,
        view["true_next"].text_or_none(),
        view["false_next"].text_or_none(),
    )


def _read_action_call(view: JsonView, actions: dict[int, ir.Action]) -> ir.ActionNode:
    action = _action(view["action_id"], actions)
    if action.params:
        raise view["action_id"].wrong("an action without parameters")
    return ir.ActionNode(view["name"].text(), action.action_id, view["next_node"].text_or_none())


def _action(view: JsonView, actions: dict[int, ir.Action]) -> ir.Action:
    action = actions.get(view.number())
    if action is None:
        raise view.wrong("the id of an action")
    return action


def _read_table(
    view: JsonView, scope: Scope, actions: dict[int, ir.Action], profiles: dict[str, ir.ProfileInfo]
) -> ir.TableNode:
    name = view["name"].text()
    kind = view["type"].text()
    profile: str | None = None
    if kind in ("indirect", "indirect_ws"):
        profile = view["action_profile"].text()
        if profile not in profiles:
            raise view["action_profile"].wrong("the name of an action profile")
    elif kind != "simple":
        scope.refuse(f"table type {kind}", view.path)
    key = tuple(_read_key(item, scope) for item in view.items("key"))
    table_actions = _read_actions(view, actions)
    default, has_const_default = _read_default(view, actions)
    entries = _read_entries(view, key, actions)
    meter = view.get("direct_meters")
    if meter is not None and meter.text() not in scope.meters:
        raise meter.wrong("the name of a direct meter")
    next_tables = view["next_tables"]
    by_name = {action.name: (hit.text() if (hit := next_tables.get(action.name)) else None) for action in table_actions}
    base_default = view.get("base_default_next")
    splits_on_hit = HIT in next_tables.raw or MISS in next_tables.raw
    return ir.TableNode(
        name=name,
        key=key,
        actions=tuple(action.action_id for action in table_actions),
        max_size=max(_size(view), len(entries)),
        profile=profile,
        has_counter=view.is_flag_set("with_counters"),
        meter=meter.text() if meter else None,
        has_idle_timeout=view.is_flag_set("support_timeout"),
        default=default,
        has_const_default=has_const_default,
        entries=entries,
        splits_on_hit=splits_on_hit,
        next_hit=hit.text() if (hit := next_tables.get(HIT)) else None,
        next_miss=miss.text() if (miss := next_tables.get(MISS)) else None,
        next_by_action=() if splits_on_hit else tuple(by_name.items()),
        next_default=base_default.text() if base_default else None,
    )


def _read_actions(view: JsonView, actions: dict[int, ir.Action]) -> list[ir.Action]:
    ids = view.get("action_ids")
    if ids is not None:
        return [_action(item, actions) for item in ids]
    by_name = {action.name: action for action in reversed(actions.values())}
    for item in view["actions"]:
        if item.text() not in by_name:
            raise item.wrong("the name of an action")
    return [by_name[item.text()] for item in view["actions"]]


def _size(view: JsonView) -> int:
    size = view.get("max_size")
    return size.number() if size else 0


def _read_default(view: JsonView, actions: dict[int, ir.Action]) -> tuple[ActionCall | None, bool]:
    entry = view.get("default_entry")
    if entry is None:
        return None, False
    is_const = entry.is_flag_set("action_const") or entry.is_flag_set("action_entry_const")
    return _read_call(entry, actions), is_const


def _read_call(view: JsonView, actions: dict[int, ir.Action]) -> ActionCall:
    action = _action(view["action_id"], actions)
    params = tuple(item.hexstr() for item in view.items("action_data"))
    if len(params) != len(action.params):
        raise view["action_data"].wrong(f"{len(action.params)} parameters for {action.name}")
    masked = (value & ((1 << width) - 1) for value, (_, width) in zip(params, action.params, strict=True))
    return ActionCall(action.name, tuple(masked))


def _read_key(view: JsonView, scope: Scope) -> ir.TableKey:
    kind = view["match_type"].text()
    mask = view.get("mask")
    if kind == "valid":
        return ir.TableKey(KeyField(_key_name(view), MatchKind.EXACT, 1), ir.IsValid(_valid_header(view, scope)), None)
    if kind not in {item.value for item in MatchKind}:
        scope.refuse(f"match kind {kind}", view.path)
        kind = MatchKind.EXACT.value
    target = scope.reference(view["target"])
    field = KeyField(_key_name(view), MatchKind(kind), scope.width(target))
    return ir.TableKey(field, target, mask.hexstr() if mask else None)


def _valid_header(view: JsonView, scope: Scope) -> str:
    target = view["target"]
    return scope.header(target.at(0) if isinstance(target.raw, list) else target).name


def _key_name(view: JsonView) -> str:
    name = view.get("name")
    if name is not None:
        return name.text()
    target = view["target"].raw
    return ".".join(target) if isinstance(target, list) else str(target)


def _read_entries(
    view: JsonView, key: tuple[ir.TableKey, ...], actions: dict[int, ir.Action]
) -> tuple[ir.ConstEntry, ...]:
    """Read entries that the program fixes. BMv2 counts their priority downwards; ours goes up, from 1."""
    items = view.items("entries")
    needs_priority = any(item.field.kind not in (MatchKind.EXACT, MatchKind.LPM) for item in key)
    lowest = max((item["priority"].number() for item in items), default=0)
    entries: list[ir.ConstEntry] = []
    for item in items:
        parts = list(item["match_key"])
        if len(parts) != len(key):
            raise item["match_key"].wrong(f"{len(key)} fields")
        values = tuple(_read_match(part, field.field) for part, field in zip(parts, key, strict=True))
        priority = lowest - item["priority"].number() + 1 if needs_priority else 0
        entries.append(ir.ConstEntry(values, _read_call(item["action_entry"], actions), priority))
    return tuple(entries)


def _read_match(view: JsonView, field: KeyField) -> MatchValue:
    full = (1 << field.width) - 1
    match field.kind:
        case MatchKind.EXACT:
            raw = view["key"].raw
            return int(raw) if isinstance(raw, bool) else view["key"].hexstr() & full
        case MatchKind.LPM:
            length = view["prefix_length"].number()
            return view["key"].hexstr() & (full ^ (full >> length)), length
        case MatchKind.RANGE:
            return view["start"].hexstr() & full, view["end"].hexstr() & full
        case MatchKind.TERNARY | MatchKind.OPTIONAL:
            mask = view["mask"].hexstr() & full
            value = view["key"].hexstr() & mask
            if field.kind is MatchKind.TERNARY:
                return value, mask
            return value if mask == full else None
