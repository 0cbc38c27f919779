# SPDX-License-Identifier: Apache-2.0
"""gNMI (gnmi.proto 0.10): the state and the counters of the ports, as OpenConfig interfaces."""

from softswitch.gnmi.service import SERVICE_NAME, GnmiService, gnmi_handlers

__all__ = ["SERVICE_NAME", "GnmiService", "gnmi_handlers"]
