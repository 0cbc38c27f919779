# SPDX-License-Identifier: Apache-2.0
"""What lists of each kind can be narrowed to, apart from tenant and VPC."""

from collections.abc import Callable, Mapping
from typing import Any

from p4vpc.api.problems import BadRequestError
from p4vpc.errors import Problem
from p4vpc.intent import Intent, Link, LinkEnd, NetworkAcl, Port, Route, SecurityGroup, SwitchAttachment, closest
from p4vpc.intent.tenancy import GroupPeer
from p4vpc.services import ForbiddenError, Principal

_COMMON = ("tenant", "vpc", "limit", "cursor")

Filter = Callable[[Any, str], bool]


def _is_at(port: Port, switch: str) -> bool:
    return isinstance(port.attachment, SwitchAttachment) and port.attachment.switch == switch


def _leads_to(link: Link, switch: str) -> bool:
    return any(isinstance(end, LinkEnd) and end.switch == switch for end in (link.a, link.b))


def _has_peer(group: SecurityGroup, name: str) -> bool:
    return any(isinstance(rule.peer, GroupPeer) and rule.peer.group == name for rule in group.rules)


def _has_address(port: Port, address: str) -> bool:
    return address in map(str, port.addresses)


def _has_subnet(acl: NetworkAcl, name: str) -> bool:
    return name in acl.subnets


def _has_group(port: Port, name: str) -> bool:
    return name in port.security_groups


def _has(field: str) -> Filter:
    return lambda intent, value: getattr(intent, field) == value


def _has_next_hop(route: Route, address: str) -> bool:
    return str(route.next_hop) == address


FILTERS: Mapping[str, Mapping[str, Filter]] = {
    "switch": {"role": _has("role")},
    "link": {"switch": _leads_to},
    "port": {
        "subnet": _has("subnet"),
        "mac": lambda port, value: str(port.mac) == value,
        "address": _has_address,
        "security_group": _has_group,
        "qos": _has("qos"),
        "switch": _is_at,
    },
    "network_acl": {"subnet": _has_subnet},
    "security_group": {"peer_group": _has_peer},
    "route": {"next_hop": _has_next_hop},
}
"""By kind, the names of its filters and whether an object passes one."""

_OF_THE_FABRIC = {("port", "switch")}
"""Filters whose answer would tell a tenant where its ports are plugged in."""


def parameters(kind: str) -> list[dict[str, Any]]:
    """The filters of a kind, for the API's description."""
    return [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in FILTERS.get(kind, ())
    ]


def make_filter(caller: Principal, kind: str, query: Mapping[str, str]) -> Callable[[Intent], bool]:
    """Whether an object passes all filters of a request.

    Raises:
        BadRequestError: there is no such filter; a misspelt one would return everything.
        ForbiddenError: the answer would tell a tenant of the fabric.
    """
    known = FILTERS.get(kind, {})
    unknown = [name for name in query if name not in known and name not in _COMMON]
    if unknown:
        raise BadRequestError(
            Problem("", name[:60], f"{kind} cannot be narrowed by this", closest(name, (*known, *_COMMON)), "query")
            for name in unknown
        )
    wanted = {name: value for name, value in query.items() if name in known}
    if not caller.is_operator and any((kind, name) in _OF_THE_FABRIC for name in wanted):
        raise ForbiddenError(Problem(kind, "switch", "tenants do not know switches", "leave it out", "query"))
    return lambda intent: all(known[name](intent, value) for name, value in wanted.items())
