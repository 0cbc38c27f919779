# SPDX-License-Identifier: Apache-2.0
"""P4Runtime server of the soft switch."""

from softswitch.p4runtime.device import Device
from softswitch.p4runtime.server import P4RuntimeServer, ServerError, TlsFiles
from softswitch.p4runtime.status import BatchError, StatusError

__all__ = ["BatchError", "Device", "P4RuntimeServer", "ServerError", "StatusError", "TlsFiles"]
