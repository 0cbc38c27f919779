# SPDX-License-Identifier: Apache-2.0
"""A whole BMv2 JSON document to a `ProgramIr`."""

from __future__ import annotations

import json

from softswitch import ir
from softswitch.errors import InvalidProgramError, UnsupportedProgramError
from softswitch.reader.control import read_pipeline
from softswitch.reader.expressions import read_expression
from softswitch.reader.json_view import MAX_CELLS, MAX_WIDTH, JsonView
from softswitch.reader.parser import read_parser
from softswitch.reader.scope import Scope
from softswitch.reader.statements import read_body
from softswitch.runtime.hashes import ALGORITHMS

MAJOR_VERSION = 2

# What the packet path itself reads and writes, by the name that BMv2 gives it. A program may use another name by an
# alias, and may leave out whatever is not required.
INTRINSICS = {
    "ingress_port": "standard_metadata.ingress_port",
    "packet_length": "standard_metadata.packet_length",
    "egress_spec": "standard_metadata.egress_spec",
    "egress_port": "standard_metadata.egress_port",
    "instance_type": "standard_metadata.instance_type",
    "parser_error": "standard_metadata.parser_error",
    "checksum_error": "standard_metadata.checksum_error",
    "mcast_grp": "intrinsic_metadata.mcast_grp",
    "egress_rid": "intrinsic_metadata.egress_rid",
    "ingress_timestamp": "intrinsic_metadata.ingress_global_timestamp",
    "egress_timestamp": "intrinsic_metadata.egress_global_timestamp",
    "priority": "intrinsic_metadata.priority",
    "enq_timestamp": "queueing_metadata.enq_timestamp",
    "enq_qdepth": "queueing_metadata.enq_qdepth",
    "deq_timedelta": "queueing_metadata.deq_timedelta",
    "deq_qdepth": "queueing_metadata.deq_qdepth",
    "qid": "queueing_metadata.qid",
}
REQUIRED = ("ingress_port", "packet_length", "instance_type", "egress_spec", "egress_port")


def read_program(text: str | bytes) -> ir.ProgramIr:
    """Read and check a program.

    :raises InvalidProgramError: it is not BMv2 JSON or contradicts itself; the first contradiction is named.
    :raises UnsupportedProgramError: it uses features that the engine does not have; all are named.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidProgramError([f"not JSON: {error}"]) from None
    root = JsonView(raw, "program")
    if not isinstance(raw, dict) or "pipelines" not in raw:
        raise InvalidProgramError(["program: expected BMv2 JSON with headers, parsers and pipelines"])
    _check_version(root)
    scope = Scope()
    try:
        program = _read(root, scope)
    except InvalidProgramError as error:
        if scope.unsupported:
            raise UnsupportedProgramError([*scope.unsupported, *error.problems]) from None
        raise
    except RecursionError:
        raise InvalidProgramError(["program: expressions are nested too deeply"]) from None
    if scope.unsupported:
        raise UnsupportedProgramError(scope.unsupported)
    return program


def _check_version(root: JsonView) -> None:
    meta = root.get("__meta__")
    version = meta.get("version") if meta else None
    if version is not None and version.at(0).number() != MAJOR_VERSION:
        raise version.wrong(f"BMv2 JSON version {MAJOR_VERSION}.x")


def _read(root: JsonView, scope: Scope) -> ir.ProgramIr:
    _read_headers(root, scope)
    for alias in root.items("field_aliases"):
        reference = scope.reference(alias.at(1))
        if isinstance(reference, ir.FieldRef):
            scope.aliases[alias.at(0).text()] = reference
    for item in root.items("extern_instances"):
        scope.refuse(f"extern instance of type {item['type'].text()}", item.path)
    _read_arrays(root, scope)
    actions = {action.action_id: action for action in (_read_action(item, scope) for item in root.items("actions"))}
    pipelines = {item["name"].text(): item for item in root["pipelines"]}
    for name in ("ingress", "egress"):
        if name not in pipelines:
            raise root["pipelines"].wrong(f"a pipeline {name}, as simple_switch has")
    for name in pipelines.keys() - {"ingress", "egress"}:
        scope.refuse(f"pipeline {name}", root.path)
    profiles = {
        profile.name: profile
        for pipeline in pipelines.values()
        for profile in (_read_profile(item, scope) for item in pipeline.items("action_profiles"))
    }
    ingress = read_pipeline(pipelines["ingress"], scope, actions, profiles)
    egress = read_pipeline(pipelines["egress"], scope, actions, profiles)
    _refuse_misplaced(ingress, (ir.Recirculate,), actions, scope)
    _refuse_misplaced(egress, (ir.Resubmit, ir.SendDigest), actions, scope)
    parser, deparser = _only(root, "parsers", scope), _only(root, "deparsers", scope)
    start, states = read_parser(parser, scope)
    return ir.ProgramIr(
        headers=scope.headers,
        stacks=scope.stacks,
        errors={item.at(0).text(): item.at(1).number() for item in root.items("errors")},
        intrinsics=_intrinsics(scope, root),
        parser_start=start,
        states=states,
        value_sets=scope.value_sets,
        actions=actions,
        ingress=ingress,
        egress=egress,
        profiles=profiles,
        calculations=scope.calculations,
        checksums=tuple(_read_checksum(item, scope) for item in root.items("checksums")),
        deparse_order=tuple(scope.header(item).name for item in deparser["order"]),
        deparse_ops=_read_deparser_ops(deparser, scope),
        field_lists=_read_field_lists(root, "field_lists", scope),
        digests=_read_field_lists(root, "learn_lists", scope),
        counters=scope.counters,
        meters=scope.meters,
        registers=scope.registers,
    )


def _refuse_misplaced(
    pipeline: ir.Pipeline, kinds: tuple[type, ...], actions: dict[int, ir.Action], scope: Scope
) -> None:
    """Note statements that simple_switch acts on in the other pipeline only."""
    for number in sorted(ir.used_actions(pipeline)):
        for statement in actions[number].body:
            if isinstance(statement, kinds):
                scope.refuse(f"{type(statement).__name__} in {pipeline.name}", actions[number].name)


def _only(root: JsonView, key: str, scope: Scope) -> JsonView:
    items = root.items(key)
    if not items:
        raise root.wrong(f"at least one of {key}")
    if len(items) > 1:
        scope.refuse(f"more than one of {key}", root.path)
    return items[0]


# -- headers ----------------------------------------------------------------------------------------------------


def _read_headers(root: JsonView, scope: Scope) -> None:
    types = {item["name"].text(): item for item in root["header_types"]}
    layouts = {name: _read_fields(item) for name, item in types.items()}
    stack_of: dict[int, str] = {}
    for item in root.items("header_stacks"):
        for element in item["header_ids"]:
            stack_of[element.number()] = item["name"].text()
    for item in root["headers"]:
        type_name = item["header_type"].text()
        if type_name not in types:
            raise item["header_type"].wrong("the name of a header type")
        fields = layouts[type_name]
        name, number = item["name"].text(), item["id"].number()
        if fields is None:
            scope.refuse("header with a varbit field", item.path)
            fields = ()
        header = ir.Header(name, type_name, fields, item["metadata"].flag(), stack_of.get(number))
        if not header.is_metadata and header.width % 8:
            raise item["header_type"].wrong(f"a header of whole bytes, which {header.width} bits are not")
        scope.headers[name] = header
        scope.headers_by_id[number] = name
    for item in root.items("header_stacks"):
        elements = tuple(_by_id(element, scope) for element in item["header_ids"])
        if not elements:
            raise item["header_ids"].wrong("at least one header")
        types_found = {(scope.headers[name].type_name, scope.headers[name].is_metadata) for name in elements}
        if len(types_found) > 1 or len(set(elements)) < len(elements) or (*types_found,)[0][1]:
            raise item["header_ids"].wrong("different headers of one type")
        scope.stacks[item["name"].text()] = ir.Stack(item["name"].text(), elements)
    for kind in ("header_unions", "header_union_stacks"):
        for item in root.items(kind):
            scope.refuse("header union", item.path)


def _by_id(view: JsonView, scope: Scope) -> str:
    name = scope.headers_by_id.get(view.number())
    if name is None:
        raise view.wrong("the id of a header instance")
    return name


def _read_fields(view: JsonView) -> tuple[ir.HeaderField, ...] | None:
    """Return the fields of a header type, None where one has a variable length."""
    fields: list[ir.HeaderField] = []
    offset = 0
    for item in view.items("fields"):
        if item.at(1).raw == "*":
            return None
        width = item.at(1).within(0, MAX_WIDTH)
        is_signed = len(item.raw) > 2 and bool(item.at(2).raw)
        fields.append(ir.HeaderField(item.at(0).text(), width, offset, is_signed))
        offset += width
    return tuple(fields)


def _intrinsics(scope: Scope, root: JsonView) -> dict[str, ir.FieldRef]:
    found: dict[str, ir.FieldRef] = {}
    for key, name in INTRINSICS.items():
        header_name, field_name = name.split(".")
        reference = scope.aliases.get(name)
        if reference is None:
            # Newer compilers put all of v1model's fields into one header and drop the aliases of unused ones.
            for owner in (header_name, ir.STANDARD_METADATA):
                header = scope.headers.get(owner)
                if header is not None and header.field(field_name) is not None:
                    reference = ir.FieldRef(owner, field_name)
                    break
        if reference is not None:
            found[key] = reference
        elif key in REQUIRED:
            raise root.wrong(f"a field {name}, as simple_switch needs")
    return found


# -- arrays, calculations, lists --------------------------------------------------------------------------------


def _read_arrays(root: JsonView, scope: Scope) -> None:
    for item in root.items("parse_vsets"):
        scope.value_sets[item["name"].text()] = item["compressed_bitwidth"].within(1, MAX_WIDTH)
    for item in root.items("counter_arrays"):
        if item.is_flag_set("is_direct"):
            scope.direct_counters[item["name"].text()] = item["binding"].text()
        else:
            scope.counters[item["name"].text()] = item["size"].within(0, MAX_CELLS)
    for item in root.items("register_arrays"):
        scope.registers[item["name"].text()] = (
            item["size"].within(0, MAX_CELLS),
            item["bitwidth"].within(1, MAX_WIDTH),
        )
    for item in root.items("meter_arrays"):
        name, unit = item["name"].text(), item["type"].text()
        if unit not in ("packets", "bytes"):
            raise item["type"].wrong("packets or bytes")
        if item["rate_count"].number() != 2:
            scope.refuse(f"meter with {item['rate_count'].number()} rates", item.path)
        is_direct = item.is_flag_set("is_direct")
        scope.meters[name] = ir.MeterInfo(
            name,
            0 if is_direct else item["size"].within(0, MAX_CELLS),
            unit,
            item["binding"].text() if is_direct else None,
            scope.field(item["result_target"]) if is_direct else None,
        )
    for item in root.items("calculations"):
        scope.calculations[item["name"].text()] = _read_calculation(item, item["name"].text(), scope)


def _read_calculation(view: JsonView, name: str, scope: Scope) -> ir.Calculation:
    algorithm = view["algo"].text()
    if algorithm not in ALGORITHMS:
        scope.refuse(f"hash algorithm {algorithm}", view.path)
    inputs: list[ir.CalculationInput] = []
    for item in view["input"]:
        match item["type"].text():
            case "field":
                reference = scope.reference(item["value"])
                if isinstance(reference, ir.IsValid):
                    scope.refuse("header validity as a hash input", item.path)
                else:
                    inputs.append(ir.CalculationInput(value=reference, width=scope.width(reference)))
            case "hexstr":
                width = item["bitwidth"].within(0, MAX_WIDTH)
                value = item["value"].hexstr() & ((1 << width) - 1)
                inputs.append(ir.CalculationInput(value=ir.Const(value), width=width))
            case "header":
                header = scope.header(item["value"])
                inputs.append(ir.CalculationInput(header=header.name, width=header.width))
            case "payload":
                inputs.append(ir.CalculationInput())
            case kind:
                scope.refuse(f"hash input of type {kind}", item.path)
    return ir.Calculation(name, algorithm, tuple(inputs))


def _read_profile(view: JsonView, scope: Scope) -> ir.ProfileInfo:
    name = view["name"].text()
    selector = view.get("selector")
    size = view.get("max_size")
    return ir.ProfileInfo(
        name, size.number() if size else 0, _read_calculation(selector, name, scope) if selector else None
    )


def _read_checksum(view: JsonView, scope: Scope) -> ir.Checksum:
    if view["type"].text() != "generic":
        scope.refuse(f"checksum of type {view['type'].text()}", view.path)
    calculation = view["calculation"].text()
    if calculation not in scope.calculations:
        raise view["calculation"].wrong("the name of a calculation")
    condition = view.get("if_cond")
    return ir.Checksum(
        view["name"].text(),
        scope.field(view["target"]),
        calculation,
        read_expression(condition, scope) if condition else None,
        view.is_flag_set("verify", default=True),
        view.is_flag_set("update", default=True),
    )


def _read_field_lists(root: JsonView, key: str, scope: Scope) -> dict[int, ir.FieldList]:
    lists: dict[int, ir.FieldList] = {}
    for item in root.items(key):
        fields: list[ir.FieldRef | ir.Const | ir.IsValid] = []
        for element in item["elements"]:
            value = read_expression(element, scope)
            if isinstance(value, ir.FieldRef | ir.Const | ir.IsValid):
                fields.append(value)
            else:
                scope.refuse("field list element that is not a field", element.path)
        number = item["id"].number()
        lists[number] = ir.FieldList(number, item["name"].text(), tuple(fields))
    return lists


def _read_action(view: JsonView, scope: Scope) -> ir.Action:
    params = tuple((item["name"].text(), item["bitwidth"].within(0, MAX_WIDTH)) for item in view.items("runtime_data"))
    body = read_body(view.items("primitives"), scope, params)
    return ir.Action(view["id"].number(), view["name"].text(), params, body)


def _read_deparser_ops(view: JsonView, scope: Scope) -> tuple[ir.Statement, ...]:
    calls: list[JsonView] = []
    for item in view.items("primitives"):
        if item["op"].text() == "set":
            calls.append(JsonView({"op": "assign", "parameters": item["parameters"].raw}, item.path))
        else:
            calls.append(item["parameters"].at(0) if item["op"].text() == "primitive" else item)
    return read_body(calls, scope, ())
