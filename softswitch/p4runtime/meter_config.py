# SPDX-License-Identifier: Apache-2.0
"""Meter configurations on the wire and in the engine (P4Runtime 1.5, section 9.4)."""

from __future__ import annotations

from finsy.proto import p4i, p4r

from softswitch.p4runtime.status import invalid, unimplemented
from softswitch.runtime.externs import MeterConfig


def decode_meter_config(config: p4r.MeterConfig, spec: p4i.MeterSpec, what: str) -> MeterConfig:
    """The engine's configuration. Raises StatusError when the rates do not suit the meter's type."""
    if spec.type == p4i.MeterSpec.TWO_RATE_THREE_COLOR:
        if config.eburst:
            raise invalid(f"{what}: eburst is {config.eburst}, but a two-rate three-colour meter has none")
    else:
        if (config.pir, config.pburst) != (config.cir, config.cburst):
            raise invalid(f"{what}: pir and pburst must equal cir and cburst in a single-rate meter")
        if config.eburst:
            if spec.type == p4i.MeterSpec.SINGLE_RATE_TWO_COLOR:
                raise invalid(f"{what}: eburst is {config.eburst}, but a two-colour meter has none")
            raise unimplemented(f"{what}: eburst is not supported")
    return MeterConfig(config.cir, config.cburst, config.pir, config.pburst)


def encode_meter_config(config: MeterConfig) -> p4r.MeterConfig:
    """The message of a configuration."""
    return p4r.MeterConfig(
        cir=config.committed_rate, cburst=config.committed_burst, pir=config.peak_rate, pburst=config.peak_burst
    )
