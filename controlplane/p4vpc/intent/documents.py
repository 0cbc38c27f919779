# SPDX-License-Identifier: Apache-2.0
"""Documents: one object of intent as a plain mapping, as it stands in YAML and JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from p4vpc.intent.base import Intent
from p4vpc.intent.fabric import Fabric, Link, Switch
from p4vpc.intent.ids import ObjectId
from p4vpc.intent.tenancy import Port, Route, SecurityGroup, Subnet, Tenant, Vpc

KINDS: Mapping[str, type[Intent]] = {
    "fabric": Fabric,
    "switch": Switch,
    "link": Link,
    "tenant": Tenant,
    "vpc": Vpc,
    "subnet": Subnet,
    "security_group": SecurityGroup,
    "port": Port,
    "route": Route,
}
"""Every kind by name, what is referred to before what refers to it."""

COLLECTIONS: Mapping[str, str] = {intent.collection: kind for kind, intent in KINDS.items()}
"""Kind of the objects in each collection of the API."""


def parse_id(kind: str, key: str) -> ObjectId:
    """Return the id for a kind and key that a user has typed; IntentError if there can be no such object."""
    raise NotImplementedError


def from_document(document: object, source: str = "") -> Intent:
    """Read one document (parsed YAML or JSON). `source` is put into the problems. IntentError lists all mistakes."""
    raise NotImplementedError


def load_yaml(text: str | bytes, source: str) -> list[Intent]:
    """Read a stream of YAML documents, in order. Empty documents are skipped.

    `source` names the text in problems: a file name, or `<stdin>`. IntentError lists the mistakes of all documents,
    each with document, line, object, field and remedy.
    """
    raise NotImplementedError


def to_document(intent: Intent) -> dict[str, Any]:
    """Return the object as its author would write it: kind, names, then the fields that were given."""
    raise NotImplementedError


def dump_yaml(intents: Iterable[Intent]) -> str:
    """Write a stream of YAML documents that `load_yaml` reads back to equal objects."""
    raise NotImplementedError
