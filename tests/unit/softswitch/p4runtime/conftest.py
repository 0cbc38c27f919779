# SPDX-License-Identifier: Apache-2.0
"""A pipeline without a compiled program: the switch's state is made straight from the P4Info."""

from pathlib import Path

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from softswitch.p4runtime.match_codec import kind_name
from softswitch.p4runtime.pipeline import Pipeline, build_pipeline
from softswitch.runtime.entries import ActionCall, ActionInfo, KeyField, MatchKind
from softswitch.runtime.externs import Counter, Meter, Register, ValueSet
from softswitch.runtime.profile import ActionProfile
from softswitch.runtime.switch import Switch
from softswitch.runtime.table import Table

P4INFO = Path(__file__).parents[3] / "integration/softswitch/programs/everything.p4info.txtpb"


def read_p4info() -> p4i.P4Info:
    return text_format.Parse(P4INFO.read_text(), p4i.P4Info())


def _key_field(field: p4i.MatchField) -> KeyField:
    # p4c makes a ternary field of an optional one.
    kind = kind_name(field)
    return KeyField(field.name, MatchKind("ternary" if kind == "optional" else kind), field.bitwidth)


def make_switch(info: p4i.P4Info, now_us=lambda: 0) -> Switch:
    actions = {
        action.preamble.id: ActionInfo(
            action.preamble.name, tuple((param.name, param.bitwidth) for param in action.params), number
        )
        for number, action in enumerate(info.actions)
    }
    down_ports: set[int] = set()
    all_actions = {action.name: action for action in actions.values()}
    profiles = {
        item.preamble.name: ActionProfile(
            item.preamble.name, item.size, all_actions, has_selector=item.with_selector, down_ports=down_ports
        )
        for item in info.action_profiles
    }
    by_id = {item.preamble.id: profiles[item.preamble.name] for item in info.action_profiles}
    meters = {item.direct_table_id: item.preamble.name for item in info.direct_meters}
    tables = {}
    for item in info.tables:
        default = item.const_default_action_id or item.initial_default_action.action_id
        tables[item.preamble.name] = Table(
            item.preamble.name,
            tuple(_key_field(field) for field in item.match_fields),
            {actions[ref.id].name: actions[ref.id] for ref in item.action_refs},
            item.size,
            default_action=ActionCall(actions[default].name) if default else None,
            has_const_default=bool(item.const_default_action_id),
            profile=by_id.get(item.implementation_id),
            has_counter=any(counter.direct_table_id == item.preamble.id for counter in info.direct_counters),
            meter_name=meters.get(item.preamble.id),
            has_idle_timeout=bool(item.idle_timeout_behavior),
        )
    tables["fixed"].load(((0xDEAD, 0xFFFF),), ActionCall("drop"), 2, is_const=True)
    return Switch(
        tables=tables,
        action_profiles=profiles,
        counters={item.preamble.name: Counter(item.preamble.name, item.size) for item in info.counters},
        meters={item.preamble.name: Meter(item.preamble.name, item.size, "packets", now_us) for item in info.meters},
        registers={
            item.preamble.name: Register(item.preamble.name, item.size, item.type_spec.bitstring.bit.bitwidth)
            for item in info.registers
        },
        value_sets={
            item.preamble.name: ValueSet(item.preamble.name, item.match[0].bitwidth, item.size)
            for item in info.value_sets
        },
        down_ports=down_ports,
        cpu_port=510,
        drop_port=511,
        now_us=now_us,
    )


class Names:
    """Ids of the P4Info by name, and entities made with names, as a client library offers them."""

    def __init__(self, info: p4i.P4Info) -> None:
        self._info = info

    def table(self, name: str) -> p4i.Table:
        return next(table for table in self._info.tables if table.preamble.name == name)

    def id_of(self, kind: str, name: str) -> int:
        return next(item.preamble.id for item in getattr(self._info, kind) if item.preamble.name == name)

    def action(self, name: str, *values: int) -> p4r.Action:
        message = p4r.Action(action_id=self.id_of("actions", name))
        for number, value in enumerate(values, 1):
            message.params.add(param_id=number, value=value.to_bytes(6, "big"))
        return message

    def entry(self, table: str, *matches: p4r.FieldMatch, action: p4r.Action | None = None, **fields) -> p4r.Entity:
        entity = p4r.Entity(table_entry=p4r.TableEntry(table_id=self.id_of("tables", table), match=matches, **fields))
        if action is not None:
            entity.table_entry.action.action.CopyFrom(action)
        return entity


@pytest.fixture(scope="session")
def info() -> p4i.P4Info:
    return read_p4info()


@pytest.fixture(scope="session")
def names(info) -> Names:
    return Names(info)


@pytest.fixture
def pipeline(info) -> Pipeline:
    return build_pipeline(p4r.ForwardingPipelineConfig(p4info=info), make_switch(info))


@pytest.fixture
def switch_of():
    """The function that makes a switch from a P4Info, for tests that change the P4Info first."""
    return make_switch
