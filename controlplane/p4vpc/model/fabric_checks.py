# SPDX-License-Identifier: Apache-2.0
"""Conflicts among the operator's objects."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple

from p4vpc.errors import Problem
from p4vpc.intent import Intent, IpAddress, Link, LinkEnd, Switch, VtepAttachment
from p4vpc.model.defaults import router_mac
from p4vpc.model.index import Index

IPV6_LEAST_MTU = 1280


class Use(NamedTuple):
    """Somebody uses something that only one may use."""

    thing: Hashable
    user: Intent
    field: str


def only_once(uses: Iterable[Use], remedy: str) -> Iterator[Problem]:
    """Yield a problem for each use after the first of one thing; the thing's text is told to the user."""
    first: dict[Hashable, Use] = {}
    for use in uses:
        other = first.setdefault(use.thing, use)
        if other is not use:
            where = f"{other.field} of this {use.user.kind}" if other.user is use.user else f"{other.user}"
            yield Problem(str(use.user), use.field, f"{use.thing} is taken by {where}", remedy)


def check_fabric(index: Index) -> Iterator[Problem]:
    """Yield every conflict of switches and links."""
    switches = index.switches.values()
    yield from only_once(
        (Use(switch.vtep, switch, "vtep") for switch in switches if switch.vtep), "each leaf has a VTEP of its own"
    )
    yield from only_once(
        (Use(f"{switch.p4runtime} device {switch.device_id}", switch, "p4runtime") for switch in switches),
        "each switch has a P4Runtime address, or a device_id there, of its own",
    )
    yield from only_once(
        (Use(router_mac(switch), switch, "router_mac") for switch in switches), "each switch has a MAC of its own"
    )
    yield from only_once(_link_ends(index.links.values()), "a switch port has one link")
    vteps = {switch.vtep: switch for switch in switches if switch.vtep}
    for link in index.links.values():
        if isinstance(link.b, LinkEnd) and link.a.switch == link.b.switch:
            yield Problem(str(link), "b.switch", f"connects {link.a.switch} to itself", "two different switches")
        yield from _check_addresses(link, vteps)
    yield from _check_vtep_family(index)
    yield from _check_mtu(index)


def _link_ends(links: Iterable[Link]) -> Iterator[Use]:
    for link in links:
        for name, end in (("a", link.a), ("b", link.b)):
            if isinstance(end, LinkEnd):
                yield Use(f"port {end.port} of {end.switch}", link, f"{name}.port")


def _check_addresses(link: Link, vteps: Mapping[IpAddress, Switch]) -> Iterator[Problem]:
    for name, end in (("a", link.a), ("b", link.b)):
        if isinstance(end, LinkEnd):
            if end.address is not None and end.address in vteps:
                message = f"{end.address} is the VTEP of {vteps[end.address].name}"
                yield Problem(str(link), f"{name}.address", message, "an address that is not used yet")
            continue
        for position, prefix in enumerate(end.prefixes):
            if prefix.prefixlen == prefix.max_prefixlen and prefix.network_address in vteps:
                owner = vteps[prefix.network_address].name
                message = f"{prefix} is the VTEP of {owner}"
                yield Problem(str(link), f"b.prefixes[{position}]", message, "prefixes behind the neighbour")


def _check_vtep_family(index: Index) -> Iterator[Problem]:
    """Yield a problem for each VTEP of another family than that of the first leaf: tunnels have two ends of one."""
    leaves = [switch for switch in index.switches.values() if switch.vtep is not None]
    if not leaves:
        return
    first = leaves[0].vtep
    ends = [(str(leaf), "vtep", leaf.vtep) for leaf in leaves]
    ends += [(str(vtep), "address", vtep.address) for vtep in index.vteps.values()]
    for key in sorted(index.members):
        for port in index.members[key].ports.values():
            if isinstance(port.attachment, VtepAttachment):
                ends.append((str(port), "attachment.vtep", port.attachment.vtep))
    for name, field, vtep in ends:
        if first is not None and vtep is not None and vtep.version != first.version:
            message = (
                f"{vtep} is IPv{vtep.version}, but the fabric's VTEPs are IPv{first.version} ({leaves[0]}: {first})"
            )
            yield Problem(name, field, message, f"an IPv{first.version} address, or IPv{vtep.version} for all VTEPs")


def _check_mtu(index: Index) -> Iterator[Problem]:
    """Yield a problem if IPv6 cannot work at the fabric's MTU (RFC 8200 section 5)."""
    if index.fabric.tenant_mtu >= IPV6_LEAST_MTU:
        return
    for key in sorted(index.members):
        for subnet in index.members[key].subnets.values():
            if subnet.ipv6 is not None:
                message = f"subnet {subnet.key} has IPv6, which needs an MTU of {IPV6_LEAST_MTU} at least"
                yield Problem(str(index.fabric), "tenant_mtu", message, f"at least {IPV6_LEAST_MTU}")
                return
