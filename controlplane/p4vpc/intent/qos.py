# SPDX-License-Identifier: Apache-2.0
"""QoS policies: how much a port may send and receive."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from p4vpc.intent.base import Intent, Part
from p4vpc.intent.values import Name

# A rate below 8 bit/s is less than one byte/s, which is what meters count in; the bounds above are those of P4Runtime
# targets (a burst has 32 bits in some), and far from anything that a port does.
_Rate = Annotated[int, Field(strict=True, ge=8, le=10**13)]
_Burst = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class RateLimit(Part):
    """A two-rate three-colour meter (RFC 2698): what exceeds the peak is dropped.

    Attributes:
        rate_bps: committed rate in bits per second, whole frames as the port sends or receives them.
        burst_bytes: what may exceed the committed rate at once.
        peak_rate_bps: peak rate; the committed rate if not given.
        peak_burst_bytes: what may exceed the peak rate at once; the committed burst if not given.
    """

    rate_bps: _Rate
    burst_bytes: _Burst
    peak_rate_bps: _Rate | None = None
    peak_burst_bytes: _Burst | None = None

    @property
    def peak_rate(self) -> int:
        """Peak rate in bits per second, given or not."""
        return self.rate_bps if self.peak_rate_bps is None else self.peak_rate_bps

    @property
    def peak_burst(self) -> int:
        """Peak burst in bytes, given or not."""
        return self.burst_bytes if self.peak_burst_bytes is None else self.peak_burst_bytes

    @model_validator(mode="after")
    def _peak_is_not_below_rate(self) -> Self:
        if self.peak_rate < self.rate_bps:
            raise PydanticCustomError(
                "value",
                "{message}",
                {
                    "field": "peak_rate_bps",
                    "message": f"{self.peak_rate} is below the committed rate of {self.rate_bps}",
                    "remedy": f"at least {self.rate_bps}",
                },
            )
        return self


class QosPolicy(Intent):
    """Limits that ports of a tenant may have.

    Attributes:
        from_port: for what the port sends.
        to_port: for what the port receives.
    """

    collection: ClassVar[str] = "qos-policies"
    name_fields: ClassVar[tuple[str, ...]] = ("tenant", "name")
    kind: Literal["qos_policy"] = "qos_policy"
    tenant: Name
    name: Name
    from_port: RateLimit | None = None
    to_port: RateLimit | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.from_port is None and self.to_port is None:
            raise PydanticCustomError(
                "value",
                "the policy limits nothing",
                {"field": "from_port", "remedy": "give from_port, to_port, or both"},
            )
        return self
