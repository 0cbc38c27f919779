# SPDX-License-Identifier: Apache-2.0
"""What the model is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from p4vpc.intent import Mac


@dataclass(frozen=True, slots=True)
class ModelSwitch:
    """A switch with its defaults filled in."""

    name: str
    is_leaf: bool
    vtep: IPv4Address | None
    router_mac: Mac
    p4runtime: str
    device_id: int


@dataclass(frozen=True, slots=True)
class Model:
    """All of the intent at one revision, consistent, with every number that switches need."""

    revision: int
    switches: Mapping[str, ModelSwitch]
