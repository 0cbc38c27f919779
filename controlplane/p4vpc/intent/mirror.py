# SPDX-License-Identifier: Apache-2.0
"""Mirrors: where the copies go that rules of network ACLs make."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from p4vpc.intent.tenancy import VpcMember
from p4vpc.intent.values import Distinct, Name


class Mirror(VpcMember):
    """Ports of a VPC that get copies of what rules of its network ACLs match.

    A copy is made where the packet enters the fabric, and goes to the port that is plugged in there; at a leaf without
    one of these ports nothing is copied.

    Attributes:
        ports: names of ports of the same VPC, at each leaf at most one.
        max_bytes: copies are cut to so many bytes; whole if not given.
    """

    collection: ClassVar[str] = "mirrors"
    kind: Literal["mirror"] = "mirror"
    ports: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000), Distinct]
    max_bytes: Annotated[int, Field(strict=True, ge=64, le=9216)] | None = None
