# SPDX-License-Identifier: Apache-2.0
"""References by name, read even from documents in which something else is wrong."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from p4vpc.intent.ids import ObjectId
from p4vpc.intent.values import NAME_PATTERN


class Reference(NamedTuple):
    """A field that names another object."""

    field: str
    target: ObjectId


Malformed: TypeAlias = Mapping[ObjectId, tuple[Reference, ...]]
"""Objects that could not be read, each with those of its references that could."""

_ANY = "*"
_IN_VPC = ("subnet", "security_group", "port", "mirror")
_IN_TENANT = ("qos_policy",)
_PATHS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "link": ((("a", "switch"), "switch"), (("b", "switch"), "switch")),
    "vpc": ((("tenant",), "tenant"),),
    "subnet": (),
    "port": (
        (("subnet",), "subnet"),
        (("security_groups", _ANY), "security_group"),
        (("attachment", "switch"), "switch"),
        (("candidates", _ANY, "switch"), "switch"),
        (("qos",), "qos_policy"),
    ),
    "security_group": ((("rules", _ANY, "peer", "group"), "security_group"),),
    "route": (),
    "network_acl": (
        (("subnets", _ANY), "subnet"),
        (("inbound", _ANY, "mirror"), "mirror"),
        (("outbound", _ANY, "mirror"), "mirror"),
    ),
    "mirror": ((("ports", _ANY), "port"),),
    "qos_policy": ((("tenant",), "tenant"),),
}
"""By kind, the fields that name others, and what kind those are of."""


def readable_references(document: Mapping[object, object], object_id: ObjectId) -> tuple[Reference, ...]:
    """The references of a document with this id whose values are names, in the order of `model.references`."""
    vpc = object_id.key.rpartition("/")[0]
    is_in_vpc = object_id.kind in (*_IN_VPC, "route", "network_acl")
    found = [Reference("vpc", ObjectId("vpc", vpc))] if is_in_vpc else []
    for path, kind in _PATHS.get(object_id.kind, ()):
        for field, name in _values(document, path, ""):
            if isinstance(name, str) and re.fullmatch(NAME_PATTERN, name):
                scope = vpc if kind in _IN_VPC else vpc.partition("/")[0] if kind in _IN_TENANT else ""
                found.append(Reference(field, ObjectId(kind, f"{scope}/{name}" if scope else name)))
    return tuple(found)


def _values(value: object, path: tuple[str, ...], field: str) -> Iterator[tuple[str, object]]:
    if not path:
        yield field, value
    elif path[0] == _ANY and isinstance(value, list):
        for position, item in enumerate(value):
            yield from _values(item, path[1:], f"{field}[{position}]")
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:], f"{field}.{path[0]}" if field else path[0])
