# SPDX-License-Identifier: Apache-2.0
"""One function per table of the pipeline contract: what a controller would write, spelled out."""

from ipaddress import ip_network

from ptf_tests.p4info import Action, Entry, GroupRef, Lpm, Match, OneShot, Range, Ternary, Value

FOREIGN_PORT_INDEX = 0x8000
"""Added to the tunnel index of an untrusted peer, it is the port index that the guard tables are looked up with."""
UNLIMITED_MTU = 0xFFFF


def _family(address: Value) -> str:
    """The suffix of the tables for an address; numbers are taken for IPv4."""
    return "v6" if isinstance(address, str) and ":" in address else "v4"


def fabric_port(port: int, dst_mac: Value, *, tier: int = 0) -> Entry:
    """Frames to this MAC on this port belong to the underlay; tier 0 is a leaf's."""
    return Entry("fabric_ports", {"ingress_port": port, "dst_mac": dst_mac}, Action("set_fabric", {"tier": tier}))


def transparent_port(port: int) -> Entry:
    """The untagged attachment of this port carries the tenant's own tags."""
    return Entry("transparent_ports", {"ingress_port": port}, Action("set_transparent"))


def access_port(
    port: int, vlan: int, *, index: int, domain: int, vrf: int, label: int, mtu: int = UNLIMITED_MTU
) -> Entry:
    """An attachment: VLAN 0 stands for untagged."""
    params = {"port_index": index, "bridge_domain": domain, "vrf": vrf, "policy_label": label, "mtu": mtu}
    return Entry("access_ports", {"ingress_port": port, "vlan_id": vlan}, Action("set_access", params))


def candidate(port: int, vlan: int, *, index: int, domain: int) -> Entry:
    """Where a port may move to; VLAN 0 stands for untagged."""
    params = {"port_index": index, "bridge_domain": domain}
    return Entry("access_ports", {"ingress_port": port, "vlan_id": vlan}, Action("set_candidate", params))


def trap(is_fabric: int, ether_type: int, reason: int) -> Entry:
    """Frames of this type go to the controller."""
    return Entry("traps", {"is_fabric": is_fabric, "ether_type": ether_type}, Action("punt", {"reason": reason}))


def local_vtep(address: Value) -> Entry:
    """VXLAN to this address ends here."""
    return Entry(f"local_vteps_{_family(address)}", {"dst_address": address}, Action("terminate"))


def peer_vtep(address: Value, tunnel: int, *, is_trusted: int, is_gbp: int = 0, is_dscp_uniform: int = 0) -> Entry:
    """A VTEP that may send to us."""
    params = {"tunnel_index": tunnel, "is_trusted": is_trusted, "is_gbp": is_gbp, "is_dscp_uniform": is_dscp_uniform}
    return Entry(f"peer_vteps_{_family(address)}", {"src_address": address}, Action("set_peer", params))


def vni(number: int, *, domain: int, vrf: int, mtu: int = UNLIMITED_MTU, is_vlan_transparent: int = 0) -> Entry:
    """What a VNI stands for on this switch."""
    params = {"bridge_domain": domain, "vrf": vrf, "mtu": mtu, "is_vlan_transparent": is_vlan_transparent}
    return Entry("vni_map", {"vni": number}, Action("set_vni", params))


def guard_mac(index: int, domain: int, mac: Value) -> Entry:
    """A MAC address that an attachment may use before it has an address."""
    key = {"port_index": index, "bridge_domain": domain, "src_mac": mac}
    return Entry("source_guard_mac", key, Action("permit_mac"))


def guard(index: int, domain: int, mac: Value, address: Value, foreign_label: int | None = None) -> Entry:
    """An address that an attachment may use; with a label for one behind a foreign VTEP."""
    key = {"port_index": index, "bridge_domain": domain, "src_mac": mac, "src_address": address}
    return Entry(f"source_guard_{_family(address)}", key, _permit(foreign_label))


def _permit(label: int | None) -> Action:
    return Action("permit_source") if label is None else Action("permit_foreign_source", {"policy_label": label})


def gateway_address(domain: int, address: Value) -> Entry:
    """ARP or neighbour discovery for this address is answered with the gateway's MAC of the bridge domain."""
    key = {"bridge_domain": domain, "dst_address": address}
    return Entry(f"gateway_addresses_{_family(address)}", key, Action("answer_gateway"))


def router_mac(domain: int, mac: Value) -> Entry:
    """Frames to this MAC are routed."""
    return Entry("router_macs", {"bridge_domain": domain, "dst_mac": mac}, Action("route"))


def to_local_host(*, port: int, index: int, domain: int, mac: Value, label: int) -> Action:
    """Next hop: an attachment of this switch."""
    params = {"egress_port": port, "port_index": index, "bridge_domain": domain, "mac": mac, "policy_label": label}
    return Action("set_local_host", params)


def to_remote_host(*, tunnel: int, domain: int, mac: Value, label: int) -> Action:
    """Next hop: a host behind another VTEP."""
    params = {"tunnel_index": tunnel, "bridge_domain": domain, "mac": mac, "policy_label": label}
    return Action("set_remote_host", params)


def host(vrf: int, address: Value, action: Action) -> Entry:
    """Where one address of a VPC is."""
    return Entry(f"hosts_{_family(address)}", {"vrf": vrf, "dst_address": address}, action)


def route(vrf: int, prefix: str, action: Action) -> Entry:
    """Where a prefix of a VPC is."""
    return Entry(f"routes_{_family(prefix)}", {"vrf": vrf, "dst_address": Lpm.parse(prefix)}, action)


def local_mac(domain: int, mac: Value, *, port: int, index: int, label: int) -> Entry:
    """A MAC address of a bridge domain on an attachment of this switch."""
    params = {"egress_port": port, "port_index": index, "policy_label": label}
    return Entry("bridge", {"bridge_domain": domain, "dst_mac": mac}, Action("set_local_mac", params))


def remote_mac(domain: int, mac: Value, *, tunnel: int, label: int) -> Entry:
    """A MAC address of a bridge domain behind another VTEP."""
    params = {"tunnel_index": tunnel, "policy_label": label}
    return Entry("bridge", {"bridge_domain": domain, "dst_mac": mac}, Action("set_remote_mac", params))


def redirect_mac(domain: int, mac: Value, *, tunnel: int, label: int) -> Entry:
    """A MAC address that has moved from here to behind another VTEP."""
    action = Action("redirect_mac", {"tunnel_index": tunnel, "policy_label": label})
    return Entry("bridge", {"bridge_domain": domain, "dst_mac": mac}, action)


def policy(
    action: str,
    *,
    src: int | None = None,
    dst: int | None = None,
    protocol: int | None = None,
    ports: tuple[int, int] | None = None,
    priority: int = 10,
) -> Entry:
    """A rule between labels; what is not given is a don't care; ports ask for a header that has them."""
    match: dict[str, Match] = {}
    if src is not None:
        match["src_label"] = Ternary(src, 0xFFFF)
    if dst is not None:
        match["dst_label"] = Ternary(dst, 0xFFFF)
    if protocol is not None:
        match["ip_protocol"] = Ternary(protocol, 0xFF)
    if ports is not None:
        match["l4_dst_port"] = Range(*ports)
        match["has_l4"] = Ternary(1, 1)
    return Entry("policy", match, Action(action), priority)


def acl(
    direction: str,
    action: str,
    *,
    family: str,
    domain: int,
    src: str | None = None,
    dst: str | None = None,
    protocol: int | None = None,
    src_ports: tuple[int, int] | None = None,
    dst_ports: tuple[int, int] | None = None,
    priority: int = 10,
    mirror_session: int = 0,
    is_logged: int = 0,
) -> Entry:
    """A rule of a network ACL, `ingress` or `egress`, `v4` or `v6`; ports ask for a header that has them.

    `mirror_session` is an even number; the session of that number plus one is for packets that are logged too.
    """
    match: dict[str, Match] = {"bridge_domain": domain}
    for field, prefix in (("src_address", src), ("dst_address", dst)):
        if prefix is not None:
            network = ip_network(prefix)
            match[field] = Ternary(int(network.network_address), int(network.netmask))
    if protocol is not None:
        match["ip_protocol"] = Ternary(protocol, 0xFF)
    for field, ports in (("l4_src_port", src_ports), ("l4_dst_port", dst_ports)):
        if ports is not None:
            match[field] = Range(*ports)
            match["has_l4"] = Ternary(1, 1)
    table = f"acl_{direction}_{family}"
    params = {"mirror_session": mirror_session, "is_logged": is_logged}
    return Entry(table, match, Action(f"{action}_{table}", params), priority)


def tunnel(
    index: int,
    src: Value,
    dst: Value,
    *,
    is_ecn_compatible: int = 1,
    is_dscp_uniform: int = 0,
    dscp: int = 0,
    is_gbp: int = 0,
    is_udp_checksum: int = 0,
) -> Entry:
    """The outer addresses and modes of a tunnel; if nothing else is said its outer TOS is 0.

    `is_udp_checksum` is for IPv6 only: over IPv4 there is no such mode.
    """
    params = {
        "src_address": src,
        "dst_address": dst,
        "is_ecn_compatible": is_ecn_compatible,
        "is_dscp_uniform": is_dscp_uniform,
        "dscp": dscp,
        "is_gbp": is_gbp,
    }
    if _family(dst) == "v6":
        params["is_udp_checksum"] = is_udp_checksum
    return Entry("tunnels", {"tunnel_index": index}, Action(f"set_tunnel_{_family(dst)}", params))


def tunnel_next_hop(index: int, *ports: int) -> Entry:
    """The equal paths to a tunnel's far end, given with the entry."""
    members = tuple((next_hop(port), 1, None) for port in ports)
    return Entry("tunnel_next_hops", {"tunnel_index": index}, OneShot(members))


def tunnel_next_hop_group(index: int, group: int) -> Entry:
    """The paths to a tunnel's far end, as a selector group."""
    return Entry("tunnel_next_hops", {"tunnel_index": index}, GroupRef(group))


def flood(domain: int, is_terminated: int, group: int) -> Entry:
    """Broadcast of a subnet goes to this multicast group."""
    key = {"bridge_domain": domain, "is_terminated": is_terminated}
    return Entry("flood", key, Action("set_flood_group", {"group": group}))


def next_hop(port: int) -> Action:
    """Out of a fabric port."""
    return Action("set_next_hop", {"egress_port": port})


def underlay_route(prefix: str, *ports: int) -> Entry:
    """A prefix of the fabric behind equal paths, given with the entry."""
    members = tuple((next_hop(port), 1, None) for port in ports)
    return Entry(f"underlay_routes_{_family(prefix)}", {"dst_address": Lpm.parse(prefix)}, OneShot(members))


def underlay_route_to_group(prefix: str, group: int) -> Entry:
    """A prefix of the fabric behind a selector group."""
    return Entry(f"underlay_routes_{_family(prefix)}", {"dst_address": Lpm.parse(prefix)}, GroupRef(group))


def drop_reason(number: int, action: str) -> Entry:
    """What becomes of a frame that ingress drops for this reason: `count_drop` or `punt_drop`."""
    return Entry("drop_reasons", {"drop_reason": number}, Action(action))


def egress_drop_reason(number: int, action: str) -> Entry:
    """The same in egress: `count_egress_drop` or `punt_egress_drop`."""
    return Entry("egress_drop_reasons", {"drop_reason": number}, Action(action))


def egress_port(index: int, vlan: int) -> Entry:
    """How frames leave an attachment: tagged, or untagged when the VLAN is 0."""
    action = Action("set_tagged", {"vlan_id": vlan}) if vlan else Action("set_untagged")
    return Entry("egress_ports", {"port_index": index}, action)


def bridge_domain(number: int, vni_number: int, gateway_mac: Value) -> Entry:
    """The VNI of a bridge domain and the source MAC of what is routed into it."""
    params = {"vni": vni_number, "gateway_mac": gateway_mac}
    return Entry("bridge_domains", {"bridge_domain": number}, Action("set_bridge_domain", params))


def neighbor(port: int, src_mac: Value, dst_mac: Value) -> Entry:
    """The Ethernet addresses on a fabric link."""
    params = {"src_mac": src_mac, "dst_mac": dst_mac}
    return Entry("neighbors", {"egress_port": port}, Action("set_neighbor", params))
