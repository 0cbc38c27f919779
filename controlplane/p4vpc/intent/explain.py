# SPDX-License-Identifier: Apache-2.0
"""Pydantic's validation errors in our words: which field, what is wrong, what would be right."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from p4vpc.intent.base import Part
from p4vpc.intent.kinds import closest
from p4vpc.intent.values import UNION_TAG, shorten
from p4vpc.intent.yaml_stream import Path

_NAME_REMEDY = "lower case letters, digits and inner hyphens, at most 63"
_EXAMPLES = {
    "a": "a: {switch: leaf1, port: 1}",
    "action": "action: allow",
    "addresses": "addresses: [10.0.1.11]",
    "b": "b: {switch: spine1, port: 1}, or b: {mac: 02:00:00:00:00:01, prefixes: [10.9.0.0/24]}",
    "burst_bytes": "burst_bytes: 150000",
    "candidates": "candidates: [{switch: leaf2, port: 11}]",
    "cidr": "cidr: 10.0.0.0/8",
    "direction": "direction: ingress",
    "from_port": "from_port: {rate_bps: 100000000, burst_bytes: 150000}",
    "group": "group: web",
    "inbound": "inbound: [{action: allow, protocol: tcp, ports: 443}]",
    "ipv4": "ipv4: 10.0.1.0/24",
    "drop_samples": "drop_samples: {policy: 10/s}",
    "mac": "mac: 02:00:00:00:00:01",
    "name": "name: web-1",
    "next_hop": "next_hop: 10.0.1.11",
    "outbound": "outbound: [{action: deny, destination: 192.0.2.0/24}, {action: allow}]",
    "p4runtime": "p4runtime: 127.0.0.1:9559",
    "peer": "peer: {group: web}, or peer: {cidr: 0.0.0.0/0}",
    "port": "port: 11",
    "ports": "ports: [monitor]",
    "prefix": "prefix: 192.0.2.0/24",
    "prefixes": "prefixes: [192.0.2.0/24]",
    "protocol": "protocol: tcp",
    "rate_bps": "rate_bps: 100000000",
    "role": "role: leaf",
    "subnet": "subnet: web",
    "subnets": "subnets: [web]",
    "switch": "switch: leaf1",
    "tenant": "tenant: red",
    "to_port": "to_port: {rate_bps: 100000000, burst_bytes: 150000}",
    "vpc": "vpc: prod",
    "vtep": "vtep: 10.255.0.1",
}


def explain(
    error: ValidationError, intent: type[BaseModel], document: Mapping[str, Any]
) -> Iterator[tuple[Path, str, str]]:
    """Yield (path, what is wrong, what would be right) for each mistake, in the order of the fields."""
    mistakes = error.errors(include_url=False)
    places = [details["loc"] for details in mistakes]
    for details in mistakes:
        own = details["loc"]
        if details["type"] == "too_short" and any(place != own and place[: len(own)] == own for place in places):
            # Pydantic counts only the elements that are well formed; those that are not are told already.
            continue
        context = details.get("ctx", {})
        # Pydantic's "[key]" says that the key of a mapping is wrong; the key itself stands before it.
        path: Path = tuple(part for part in own if part != "[key]" and not str(part).startswith(UNION_TAG))
        if details["type"] == "extra_forbidden" and str(own[-1]).startswith(UNION_TAG):
            path = (*path, own[-1])  # no tag: an unknown field may be called anything
        if "field" in context:
            path = (*path, context["field"])
        message, remedy = _say(details, path, context, intent, document)
        yield path, message, remedy


def _say(
    details: ErrorDetails, path: Path, context: Mapping[str, Any], intent: type[BaseModel], document: Mapping[str, Any]
) -> tuple[str, str]:
    kind = details["type"]
    given = shorten(details.get("input"))
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if kind == "value":
        return details["msg"], str(context.get("remedy", ""))
    if kind == "string_unicode":
        return "has half of a character (a lone surrogate)", "text in UTF-8"
    if kind == "missing":
        return "is missing", f"give it, like {_EXAMPLES.get(name, name + ': ...')}"
    if kind == "extra_forbidden":
        return "is not a field here", closest(str(path[-1]), _fields_beside(details, intent, document)) or "remove it"
    if kind == "literal_error":
        return f"{given} is not one of the choices", str(context.get("expected", "")).replace("'", "")
    if kind in ("string_pattern_mismatch", "string_type"):
        if kind == "string_type" and name == "description":
            return f"{given} is not a text", "write it in quotes"
        quote = ", in quotes" if isinstance(details.get("input"), bool | int) else ""
        return f"{given} is not a name", _NAME_REMEDY + quote
    if kind in ("int_type", "int_parsing_size"):
        return f"{given} is not a whole number", "digits, without quotes"
    if kind == "bool_type":
        return f"{given} is not a boolean", "true or false, without quotes"
    if kind == "greater_than_equal":
        return f"{given} is too small", f"at least {context.get('ge')}"
    if kind == "less_than_equal":
        return f"{given} is too large", f"at most {context.get('le')}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{given} is not a mapping", f"like {_EXAMPLES[name]}" if name in _EXAMPLES else "fields, as name: value"
    if kind == "tuple_type":
        return f"{given} is not a list", f"like {_EXAMPLES.get(name, f'{name}: [...]')}"
    if kind == "too_short":
        return "has too few elements", f"at least {context.get('min_length')}"
    if kind == "too_long":
        return "has too many elements", f"at most {context.get('max_length')}"
    if kind == "string_too_long":
        return "is too long", f"at most {context.get('max_length')} characters"
    return details["msg"], ""


def _fields_beside(details: ErrorDetails, intent: type[BaseModel], document: Mapping[str, Any]) -> list[str]:
    """Return the fields that are known where an unknown one was found, less those that are given already."""
    place: Any = document
    part: type[BaseModel] | None = intent
    for step in details["loc"][:-1]:
        if isinstance(step, str) and step.startswith(UNION_TAG):
            part = next((known for known in Part.__subclasses__() if UNION_TAG + known.__name__ == step), None)
            continue
        place = place[step]
        if isinstance(step, str):
            part = _part_in(part.model_fields[step].annotation) if part is not None else None
    return [field for field in part.model_fields if field not in place] if part is not None else []


def _part_in(annotation: Any) -> type[BaseModel] | None:
    """Return the structure that a field holds, or holds a list of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_part_in, get_args(annotation))), None)
