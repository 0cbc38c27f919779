# SPDX-License-Identifier: Apache-2.0
"""Cables between switches that can be cut as a cable is cut: both ends lose their carrier, and neither is set down.

A cable is two veth pairs, with a bridge between the far ends of both, in a namespace where nothing else is::

    leaf1-1 ---- cable0a  [cable0]  cable0b ---- spine1-1

Setting a switch's own interface down is another thing: its packet sockets get ENETDOWN. libpcap then waits in
`pcap_next_ex` until the interface is up and a frame has come in, so BMv2, which reads all ports in one thread, is deaf
on all of them.
"""

from collections.abc import Iterator, Sequence

from topo import links
from topo.fabric import Cable, SwitchPort
from topo.namespaces import Namespace

_ALL_THAT_MAY_PASS = 0xFFF8
"""`group_fwd_mask`: a bridge would keep LLDP and whatever else is for the next bridge only, a cable does not. Of
01:80:c2:00:00:00 to :0f Linux lets all pass but :00 to :02, which no switch here sends."""


class Cables:
    """All cables of a fabric, in a namespace of their own.

    Args:
        fabric: the namespace of the switches' interfaces, which are made here.
        cables: see there.
    """

    def __init__(self, fabric: Namespace, cables: Sequence[Cable]) -> None:
        self._namespace = Namespace.create("cables")
        self._ends = {end: f"cable{n}{side}" for n, it in enumerate(cables) for side, end in (("a", it.a), ("b", it.b))}
        self._cables = tuple(cables)
        try:
            links.disable_ipv6(self._namespace)
            links.ip_batch(fabric, [self._pair(end) for end in self._ends])
            links.ip_batch(self._namespace, self._joints())
        except BaseException:
            self.close()
            raise

    def cut(self, cable: Cable) -> None:
        """Both ends lose their carrier. CommandError if that cannot be done."""
        self._set(cable, "down")

    def mend(self, cable: Cable) -> None:
        """Both ends have a carrier again."""
        self._set(cable, "up")

    def close(self) -> None:
        """Let go of the namespace, and so of all cables."""
        self._namespace.close()

    def _pair(self, end: SwitchPort) -> str:
        return (
            f"link add {end.interface} mtu {links.FABRIC_MTU} type veth "
            f"peer name {self._ends[end]} mtu {links.FABRIC_MTU} netns {self._namespace.path}"
        )

    def _joints(self) -> Iterator[str]:
        for number, cable in enumerate(self._cables):
            bridge = f"cable{number}"
            yield (
                f"link add {bridge} mtu {links.FABRIC_MTU} type bridge stp_state 0 mcast_snooping 0 "
                f"group_fwd_mask {_ALL_THAT_MAY_PASS}"
            )
            for end in (cable.a, cable.b):
                yield f"link set {self._ends[end]} addrgenmode none master {bridge}"
                # What comes in at one end leaves by the other, whoever has sent it.
                yield f"link set {self._ends[end]} type bridge_slave learning off"
                yield f"link set {self._ends[end]} up"
            yield f"link set {bridge} addrgenmode none up"

    def _set(self, cable: Cable, state: str) -> None:
        links.ip_batch(self._namespace, [f"link set {self._ends[end]} {state}" for end in (cable.a, cable.b)])
