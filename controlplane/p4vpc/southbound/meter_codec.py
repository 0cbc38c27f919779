# SPDX-License-Identifier: Apache-2.0
"""Cells of indirect meters to P4Runtime messages and back (P4Runtime 1.4, section 9.4.2).

A cell always exists, so P4Runtime knows only MODIFY: with a configuration it is what p4vpc calls an insert or a modify,
without one it resets the cell, which is what p4vpc calls a delete.
"""

from collections.abc import Iterator

from finsy.proto import p4r

from p4vpc.compiler.entries import MeterEntry
from p4vpc.reconcile import Operation
from p4vpc.southbound.match_codec import DecodeError, EncodeError
from p4vpc.southbound.p4info import PipelineInfo

_MAX_INT64 = 2**63 - 1


class MeterCodec:
    """All indirect meters of a pipeline."""

    def __init__(self, info: PipelineInfo):
        self._meters = info.schema.meters
        self._ids = info.meters
        self._names = {number: name for name, number in info.meters.items()}

    def wildcards(self) -> Iterator[tuple[str, p4r.Entity]]:
        """What to read for all cells: one wildcard for each meter, by its name, which every target understands."""
        for number, name in self._names.items():
            yield name, p4r.Entity(meter_entry=p4r.MeterEntry(meter_id=number))

    def encode(self, operation: Operation, entry: MeterEntry, into: p4r.Update) -> None:
        """Fill an empty update message.

        Raises:
            EncodeError: the entry does not fit; `into` is then in an undefined state.
        """
        meter = self._meters.get(entry.meter)
        if meter is None:
            raise EncodeError(f"the pipeline has no meter {entry.meter}")
        if not 0 <= entry.index < meter.size:
            raise EncodeError(f"meter {entry.meter}: {entry.index} is not in 0..{meter.size - 1}")
        into.type = p4r.Update.MODIFY
        message = into.entity.meter_entry
        message.meter_id = self._ids[entry.meter]
        message.index.index = entry.index
        if operation is Operation.DELETE:
            return
        for field in ("cir", "cburst", "pir", "pburst"):
            value = getattr(entry, field)
            if not 0 <= value <= _MAX_INT64:
                raise EncodeError(f"meter {entry.meter}[{entry.index}]: {field} is {value}, not in 0..{_MAX_INT64}")
            setattr(message.config, field, value)
        if entry.pir < entry.cir:
            raise EncodeError(f"meter {entry.meter}[{entry.index}]: the peak rate is below the committed rate")
        message.config.SetInParent()  # also if all is 0: nothing may pass, which is not "not configured"

    def decode(self, message: p4r.MeterEntry) -> MeterEntry | None:
        """The cell; None if it is not configured.

        Raises:
            DecodeError: the switch sent a meter that is not in the pipeline.
        """
        name = self._names.get(message.meter_id)
        if name is None:
            raise DecodeError(f"the switch has sent a cell of meter {message.meter_id:#x}, which is unknown")
        if not message.HasField("config"):
            return None
        config = message.config
        return MeterEntry(name, message.index.index, config.cir, config.cburst, config.pir, config.pburst)
