# SPDX-License-Identifier: Apache-2.0
"""All that the states of switches depend on, at one moment, and where what belongs together is found."""

from collections import defaultdict
from collections.abc import Mapping, Set
from functools import cached_property
from types import MappingProxyType

from p4vpc.compiler.compile import NO_GUESTS
from p4vpc.compiler.scope import NOBODY, Moved, Scope, scope_of, vpc_of
from p4vpc.compiler.shared import Shared
from p4vpc.compiler.ways import SAME_WAYS, OtherWays, Paths, Ways
from p4vpc.intent import ObjectId
from p4vpc.model import Model, ModelVpc


class Input:
    """All that the states depend on. Nobody changes it.

    Args:
        model: the whole.
        moved: what is redirected, by switch; not there: nobody.
        down_links: what carries nothing now.
        awaited: the leaves that a VPC is about to have ports at, by VPC.
    """

    def __init__(
        self,
        model: Model,
        moved: Mapping[str, Moved] = MappingProxyType({}),
        down_links: frozenset[ObjectId] = frozenset(),
        awaited: Mapping[str, Set[str]] = NO_GUESTS,
    ):
        self.model = model
        self.moved = moved
        self.down_links = down_links
        self._awaited = awaited
        self._ways: dict[str, Ways] = {}
        self.shared = Shared()

    @cached_property
    def paths(self) -> Paths:
        """Those of the fabric as it is now."""
        return Paths(self.model, self.down_links)

    def take_paths(self, before: "Input") -> OtherWays:
        """Begin with what another input has found; return what that leaves to be looked at."""
        if self.down_links == before.down_links and self.model.fabric_ports == before.model.fabric_ports:
            self.paths, self._ways = before.paths, before._ways
            return SAME_WAYS
        self.paths, other = before.paths.after(self.model, self.down_links)
        return other

    def ways_of(self, switch: str) -> Ways:
        """The ways of one switch."""
        if switch not in self._ways:
            self._ways[switch] = Ways(self.model, switch, self.down_links, self.paths)
        return self._ways[switch]

    @cached_property
    def guests(self) -> Mapping[str, Set[str]]:
        """The leaves that frames of a VPC may come from although it has no port there, by VPC: redirects come too."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for key, leaves in self._awaited.items():
            found[key] |= leaves
        for switch, ports in self.moved.items():
            for port in ports:
                found[vpc_of(port)].add(switch)
        return found

    @cached_property
    def redirecting(self) -> Mapping[str, Set[str]]:
        """The switches that redirect for ports of a VPC, by VPC."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for switch, ports in self.moved.items():
            for port in ports:
                found[vpc_of(port)].add(switch)
        return found

    def vpcs_at(self, switch: str) -> Set[str]:
        """The VPCs that a switch may have something of."""
        return {*self.model.vpcs_of_switch.get(switch, ()), *map(vpc_of, self.moved.get(switch, NOBODY))}

    def switches_of(self, key: str) -> Set[str]:
        """The switches that may have something of a VPC."""
        vpc, redirecting = self.model.vpcs.get(key), self.redirecting.get(key, frozenset())
        return redirecting if vpc is None else {*vpc.switches, *vpc.candidate_switches, *redirecting}

    def vpcs_to(self, leaf: str) -> Set[str]:
        """The VPCs that have something to do with a leaf as the end of tunnels."""
        return {*self.vpcs_at(leaf), *(key for key, leaves in self.guests.items() if leaf in leaves)}

    @cached_property
    def foreign_vpcs(self) -> Set[str]:
        """The VPCs that have ports behind foreign VTEPs."""
        return {key for key, vpc in self.model.vpcs.items() if vpc.foreign_vteps}

    def scope_of(self, vpc: ModelVpc, switch: str) -> Scope:
        """What of a VPC a switch is concerned with."""
        moved, guests = self.moved.get(switch, NOBODY), self.guests.get(vpc.id.key, frozenset())
        of = self.model.switches[switch]
        return scope_of(vpc, of, self.ways_of(switch), moved, guests=guests, shared=self.shared)
