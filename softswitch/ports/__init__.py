# SPDX-License-Identifier: Apache-2.0
"""Ports: where frames enter and leave the switch."""

from softswitch.ports.base import PortCounters, PortDriver, PortError, PortHost, PortState
from softswitch.ports.memory import MemoryPorts

__all__ = ["MemoryPorts", "PortCounters", "PortDriver", "PortError", "PortHost", "PortState"]
