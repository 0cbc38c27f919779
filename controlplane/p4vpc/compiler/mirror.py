# SPDX-License-Identifier: Apache-2.0
"""Who gets copies: clone sessions, of which rules of network ACLs name the even ones.

Session 1 leads to the controller. Mirror k has two: 2k leads to its port, 2k + 1 to its port and the controller, for a
packet that is logged too; so one copy a packet is enough for the pipeline, whoever wants to see it (docs/adr/0016). The
instance of a copy for a port is the port index, as in flooding: egress takes it from there. A mirror that has no port
here has no session here, and rules name none.
"""

from p4vpc.compiler.entries import CloneEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.intent import ObjectId
from p4vpc.model import LocalPlace, ModelMirror, ModelSwitch, ModelVpc

FABRIC = ObjectId("fabric", "fabric")
NO_SESSION = 0
CONTROLLER_SESSION = 1
CPU_PORT = 510
_CONTROLLER = (CPU_PORT, 0)


def emit_switch() -> Emitted:
    """Yield the controller's session; it is the same at every switch."""
    yield CloneEntry(CONTROLLER_SESSION, (_CONTROLLER,)), FABRIC


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the sessions of the VPC's mirrors that have a port here."""
    for mirror in vpc.mirrors.values():
        place = _place(mirror, switch)
        if place is None:
            continue
        copy = (place.port, place.port_index)
        length = mirror.max_bytes or 0
        yield CloneEntry(2 * mirror.number, (copy,), length), mirror.id
        yield CloneEntry(2 * mirror.number + CONTROLLER_SESSION, tuple(sorted((copy, _CONTROLLER))), length), mirror.id


def session_of(vpc: ModelVpc, switch: ModelSwitch, name: str | None) -> int:
    """Return the session that a rule names here for a mirror of the VPC."""
    if name is None or _place(vpc.mirrors[name], switch) is None:
        return NO_SESSION
    return 2 * vpc.mirrors[name].number


def _place(mirror: ModelMirror, switch: ModelSwitch) -> LocalPlace | None:
    places = (port.place for port in mirror.ports)
    return next((place for place in places if isinstance(place, LocalPlace) and place.switch == switch.name), None)
