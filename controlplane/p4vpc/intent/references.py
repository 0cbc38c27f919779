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
_IN_VPC = ("subnet", "security_group")
_PATHS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "link": ((("a", "switch"), "switch"), (("b", "switch"), "switch")),
    "vpc": ((("tenant",), "tenant"),),
    "subnet": (),
    "port": (
        (("subnet",), "subnet"),
        (("security_groups", _ANY), "security_group"),
        (("attachment", "switch"), "switch"),
    ),
    "security_group": ((("rules", _ANY, "peer", "group"), "security_group"),),
    "route": (),
}
"""By kind, the fields that name others, and what kind those are of."""


def readable_references(document: Mapping[object, object], object_id: ObjectId) -> tuple[Reference, ...]:
    """The references of a document with this id whose values are names, in the order of `model.references`."""
    vpc = object_id.key.rpartition("/")[0]
    found = [Reference("vpc", ObjectId("vpc", vpc))] if object_id.kind in (*_IN_VPC, "port", "route") else []
    for path, kind in _PATHS.get(object_id.kind, ()):
        for field, name in _values(document, path, ""):
            if isinstance(name, str) and re.fullmatch(NAME_PATTERN, name):
                found.append(Reference(field, ObjectId(kind, f"{vpc}/{name}" if kind in _IN_VPC else name)))
    return tuple(found)


def _values(value: object, path: tuple[str, ...], field: str) -> Iterator[tuple[str, object]]:
    if not path:
        yield field, value
    elif path[0] == _ANY and isinstance(value, list):
        for position, item in enumerate(value):
            yield from _values(item, path[1:], f"{field}[{position}]")
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:], f"{field}.{path[0]}" if field else path[0])
