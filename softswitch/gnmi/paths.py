# SPDX-License-Identifier: Apache-2.0
"""gNMI paths: written out for messages, and matched against the leaves of the interfaces tree.

Wildcards are those of the gNMI path conventions: `*` for one element or key, `...` for any number of elements, and a
list without its key for all of it. A path stands for everything below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from finsy.proto import gnmi

from softswitch.gnmi.errors import invalid

INTERFACES = "interfaces"
INTERFACE = "interface"
KEY = "name"
ORIGINS = ("", "openconfig")
ANY_NAME = "*"
ANY_DEPTH = "..."

LeafName = tuple[str, ...]
"""The elements of a leaf below `interface`, such as ("state", "oper-status")."""


def leaf_path(interface: str, leaf: LeafName) -> gnmi.Path:
    """The absolute path of a leaf of an interface."""
    elements = [gnmi.PathElem(name=INTERFACES), gnmi.PathElem(name=INTERFACE, key={KEY: interface})]
    return gnmi.Path(elem=elements + [gnmi.PathElem(name=name) for name in leaf])


def show(path: gnmi.Path) -> str:
    """A path as people write it."""
    parts = []
    for element in path.elem:
        parts.append(element.name + "".join(f"[{key}={element.key[key]}]" for key in sorted(element.key)))
    return "/" + "/".join(parts)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path of a request, joined with its prefix. `interface` is None for all of them."""

    text: str
    names: tuple[str, ...]
    interface: str | None

    @classmethod
    def parse(cls, prefix: gnmi.Path, path: gnmi.Path) -> Pattern:
        """Join a path with its prefix. Raises GnmiError naming the path."""
        joined = gnmi.Path(elem=[*prefix.elem, *path.elem])
        text = show(joined)
        origin = path.origin or prefix.origin
        if origin not in ORIGINS:
            raise invalid(f"path {text}: origin {origin!r} is not served; the only one is openconfig")
        if path.element or prefix.element:
            raise invalid(f"path {text}: the field `element` is obsolete; write `elem`")
        interface = None
        for element in joined.elem:
            for key, value in element.key.items():
                if element.name not in (INTERFACE, ANY_NAME) or key != KEY:
                    raise invalid(f"path {text}: {element.name!r} has no key {key!r}; the only one is interface[name=]")
                interface = None if value == ANY_NAME else value
        # Wildcards of depth in a row mean no more than one, but would take long to match.
        names: list[str] = []
        for element in joined.elem:
            if element.name != ANY_DEPTH or names[-1:] != [ANY_DEPTH]:
                names.append(element.name)
        return cls(text, tuple(names), interface)

    def selects(self, leaf: LeafName) -> bool:
        """Whether the path stands for this leaf (of the interfaces that it names)."""
        return _is_prefix(self.names, (INTERFACES, INTERFACE, *leaf))


def _is_prefix(pattern: tuple[str, ...], names: tuple[str, ...]) -> bool:
    if not pattern:
        return True
    head, rest = pattern[0], pattern[1:]
    if head == ANY_DEPTH:
        return any(_is_prefix(rest, names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and head in (ANY_NAME, names[0]) and _is_prefix(rest, names[1:])
