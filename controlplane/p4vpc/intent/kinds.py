# SPDX-License-Identifier: Apache-2.0
"""The kinds of objects, and how their names are read."""

import difflib
import re
from collections.abc import Iterable, Mapping

from p4vpc.errors import IntentError, Problem
from p4vpc.intent.base import Intent
from p4vpc.intent.fabric import Fabric, Link, Switch
from p4vpc.intent.ids import ObjectId
from p4vpc.intent.mirror import Mirror
from p4vpc.intent.network_acl import NetworkAcl
from p4vpc.intent.qos import QosPolicy
from p4vpc.intent.tenancy import Port, Route, SecurityGroup, Subnet, Tenant, Vpc
from p4vpc.intent.tunnels import ForeignVtep
from p4vpc.intent.values import NAME_PATTERN

KINDS: Mapping[str, type[Intent]] = {
    "fabric": Fabric,
    "switch": Switch,
    "link": Link,
    "vtep": ForeignVtep,
    "tenant": Tenant,
    "qos_policy": QosPolicy,
    "vpc": Vpc,
    "subnet": Subnet,
    "network_acl": NetworkAcl,
    "security_group": SecurityGroup,
    "port": Port,
    "mirror": Mirror,
    "route": Route,
}
"""Every kind by name, what is referred to before what refers to it."""

COLLECTIONS: Mapping[str, str] = {intent.collection: kind for kind, intent in KINDS.items()}
"""Kind of the objects in each collection of the API."""


def closest(word: str, known: Iterable[str]) -> str:
    """Return a remedy for a word that is not known: the closest one that is, else all of them, else nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(word[:100], names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not names:
        return ""
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"known: {listed}"


def parse_id(kind: str, key: str) -> ObjectId:
    """Return the id for a kind and key that a user has typed; IntentError if there can be no such object."""
    intent = KINDS.get(kind)
    if intent is None:
        raise IntentError(Problem("", "kind", f"there is no kind {kind[:60]!r}", closest(kind, KINDS)))
    if intent is Fabric:
        if key != "fabric":
            raise IntentError(Problem("fabric", "", "there is one fabric, its key is 'fabric'", "fabric"))
        return ObjectId("fabric", "fabric")
    parts = key.split("/")
    shape = "/".join(f"<{field}>" for field in intent.name_fields)
    if len(parts) != len(intent.name_fields):
        raise IntentError(Problem(kind, "", f"{key[:200]!r} is not the key of a {kind}", f"its form is {shape}"))
    if not all(re.fullmatch(NAME_PATTERN, part) for part in parts):
        remedy = "names have lower case letters, digits and inner hyphens, at most 63"
        raise IntentError(Problem(kind, "", f"{key[:200]!r} is not the key of a {kind}", remedy))
    return ObjectId(kind, key)
