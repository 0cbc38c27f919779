# SPDX-License-Identifier: Apache-2.0
"""Modes of tunnels: what their outer headers say of the packet inside, and what of theirs is believed.

Between our own leaves they are fields of the fabric; a foreign VTEP is an object of its own if it is not to have the
defaults.
"""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from p4vpc.intent.addresses import Address
from p4vpc.intent.base import Intent, Part
from p4vpc.intent.values import Name

Ecn: TypeAlias = Literal["normal", "compatibility"]
"""RFC 6040: outside as inside, or Not-ECT outside. What arrives is merged either way."""

UdpChecksum: TypeAlias = Literal["zero", "computed"]
"""Over IPv6: 0 (RFC 6935), or calculated. Over IPv4 it is 0 (RFC 7348)."""


class Dscp(Part):
    """The DSCP outside (RFC 2983).

    Attributes:
        mode: `uniform` copies it, out and back in; `pipe` sends `value` and leaves the one inside alone.
        value: of `pipe`.
    """

    mode: Literal["pipe", "uniform"] = "pipe"
    value: Annotated[int, Field(strict=True, ge=0, le=63)] = 0

    @model_validator(mode="after")
    def _value_is_of_pipe(self) -> Self:
        if self.mode == "uniform" and "value" in self.model_fields_set:
            raise PydanticCustomError(
                "value", "uniform has no value of its own", {"field": "value", "remedy": "remove value, or mode: pipe"}
            )
        return self


class ForeignVtep(Intent):
    """A VTEP that p4vpc does not manage, and how tunnels to it are. Without an object a foreign VTEP has the defaults.

    Attributes:
        address: what attachments call it by: ``attachment: {vtep: 10.255.9.9}``.
        ecn: `compatibility` unless it is known to merge marks on arrival: else congestion would be lost there.
        dscp: DSCP outside.
        udp_checksum: of VXLAN over IPv6 to it.
        gbp: whether it speaks VXLAN-GBP: what is sent to it then carries the sender's policy label, A = 1.
        trust_gbp: whether the group id of what it sends is taken for the sender's policy label, instead of the label of
            the port. It needs `gbp`.
    """

    collection: ClassVar[str] = "vteps"
    kind: Literal["vtep"] = "vtep"
    name: Name
    address: Address
    ecn: Ecn = "compatibility"
    dscp: Dscp = Dscp()
    udp_checksum: UdpChecksum = "zero"
    gbp: Annotated[bool, Field(strict=True)] = False
    trust_gbp: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _trust_needs_gbp(self) -> Self:
        if self.trust_gbp and not self.gbp:
            raise PydanticCustomError(
                "value",
                "a VTEP that does not speak GBP sends no group id",
                {"field": "trust_gbp", "remedy": "gbp: true, or remove trust_gbp"},
            )
        return self
