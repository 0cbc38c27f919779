# SPDX-License-Identifier: Apache-2.0
"""Which links of the fabric carry traffic: port states of the switches, and LLDP between them.

`monitor` holds what is known and says which links count as down; `hearing` is what LLDP says of one end, `damping` when
a link that is up again counts. All three are pure. `lldp` is the codec, `discovery` sends and hears. docs/adr/0015
argues what counts as down, and what never does.
"""

from p4vpc.services.links.discovery import Discovery
from p4vpc.services.links.monitor import LLDP_INTERVAL_SECONDS, LinkMonitor, LinkOptions, LinkState, LinkStatus

__all__ = ("LLDP_INTERVAL_SECONDS", "Discovery", "LinkMonitor", "LinkOptions", "LinkState", "LinkStatus")
