// SPDX-License-Identifier: Apache-2.0
// What a frame leaves with: through a tenant's port its VLAN tag; through the fabric an Ethernet header, and a tenant's frame VXLAN
// (RFC 7348) inside of it.
#ifndef COMMON_ENCAP_P4
#define COMMON_ENCAP_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

control EgressPorts(inout frame_headers_t hdr, inout metadata_t meta) {
    @name(".egress_ports_counter") @id(0x07)
    table_counter_t(TABLE_COUNTER) egress_ports_counter;

    @name(".set_untagged") @id(0x1e)
    action set_untagged() {
        egress_ports_counter.count();
    }

    @name(".set_tagged") @id(0x1f)
    action set_tagged(@id(1) vlan_id_t vlan_id) {
        hdr.vlan.setValid();
        hdr.vlan.priority = 0;
        hdr.vlan.drop_eligible = 0;
        hdr.vlan.vlan_id = vlan_id;
        hdr.vlan.ether_type = hdr.ethernet.ether_type;
        hdr.ethernet.ether_type = ETHER_TYPE_VLAN;
        egress_ports_counter.count();
    }

    // Written for each bound port. A miss means: sent untagged.
    @name(".egress_ports") @id(0x13)
    table egress_ports {
        key = {
            meta.egress.port_index : exact @name("port_index") @id(1);
        }
        actions = {
            set_untagged;
            set_tagged;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = EGRESS_PORTS_SIZE;
        counters = egress_ports_counter;
    }

    apply {
        egress_ports.apply();
    }
}

control Tunnels(inout added_headers_t added, inout metadata_t meta) {
    @name(".tunnels_counter") @id(0x05)
    table_counter_t(TABLE_COUNTER) tunnels_counter;

    @name(".set_tunnel_v4") @id(0x2d)
    action set_tunnel_v4(
        @id(1) ipv4_addr_t src_address,
        @id(2) ipv4_addr_t dst_address,
        @id(3) bit<1> is_ecn_compatible,
        @id(4) bit<1> is_dscp_uniform,
        @id(5) bit<6> dscp,
        @id(6) bit<1> is_gbp) {
        added.encap_ipv4.setValid();
        added.encap_ipv4.src_addr = src_address;
        added.encap_ipv4.dst_addr = dst_address;
        meta.is_ecn_compatible = is_ecn_compatible;
        meta.is_outer_dscp_uniform = is_dscp_uniform;
        meta.dscp = dscp;
        meta.is_gbp = is_gbp;
        tunnels_counter.count();
    }

    @name(".set_tunnel_v6") @id(0x2e)
    action set_tunnel_v6(
        @id(1) ipv6_addr_t src_address,
        @id(2) ipv6_addr_t dst_address,
        @id(3) bit<1> is_ecn_compatible,
        @id(4) bit<1> is_dscp_uniform,
        @id(5) bit<6> dscp,
        @id(6) bit<1> is_gbp,
        @id(7) bit<1> is_udp_checksum) {
        added.encap_ipv6.setValid();
        added.encap_ipv6.version = 6;
        added.encap_ipv6.traffic_class = 0; // until `OuterHeaders`: Tofino writes all of a container, or one part
        added.encap_ipv6.flow_label = 4w0 ++ meta.egress.source_port; // never 0 (RFC 6438)
        added.encap_ipv6.src_addr = src_address;
        added.encap_ipv6.dst_addr = dst_address;
        meta.is_ecn_compatible = is_ecn_compatible;
        meta.is_outer_dscp_uniform = is_dscp_uniform;
        meta.dscp = dscp;
        meta.is_gbp = is_gbp;
        meta.is_udp_checksum = is_udp_checksum;
        tunnels_counter.count();
    }

    @name(".drop_no_tunnel") @id(0x19)
    action drop_no_tunnel() {
    }

    // Written for each remote VTEP. A miss drops: a mapping names a tunnel that is not there.
    @name(".tunnels") @id(0x0f)
    table tunnels {
        key = {
            meta.egress.port_index[14:0] : exact @name("tunnel_index") @id(1);
        }
        actions = {
            set_tunnel_v4;
            set_tunnel_v6;
            @defaultonly drop_no_tunnel;
        }
        const default_action = drop_no_tunnel;
        size = TUNNELS_SIZE;
        counters = tunnels_counter;
    }

    apply {
        tunnels.apply();
    }
}

control Neighbors(inout added_headers_t added, inout metadata_t meta, in port_id_t egress_port) {
    @name(".set_neighbor") @id(0x20)
    action set_neighbor(@id(1) mac_addr_t src_mac, @id(2) mac_addr_t dst_mac) {
        meta.has_neighbor = 1;
        added.encap_ethernet.setValid();
        added.encap_ethernet.src_addr = src_mac;
        added.encap_ethernet.dst_addr = dst_mac;
    }

    @name(".drop_no_neighbor") @id(0x22)
    action drop_no_neighbor() {
    }

    // Written for each fabric link. A miss drops: a route leads to a port without a neighbour.
    @name(".neighbors") @id(0x14)
    table neighbors {
        key = {
            egress_port : exact @name("egress_port") @id(1);
        }
        actions = {
            set_neighbor;
            @defaultonly drop_no_neighbor;
        }
        const default_action = drop_no_neighbor;
        size = NEIGHBORS_SIZE;
    }

    apply {
        neighbors.apply();
    }
}

control OuterHeaders(inout added_headers_t added, inout metadata_t meta) {
    WriteTrafficClass() write_traffic_class;

    @hidden
    action copy_marks() {
        meta.old_tos = meta.tos;
    }

    @hidden
    action copy_dscp() {
        meta.old_tos[7:2] = meta.tos[7:2];
        meta.old_tos[1:0] = 0;
    }

    @hidden
    action copy_ecn() {
        meta.old_tos[7:2] = meta.dscp;
        meta.old_tos[1:0] = meta.tos[1:0];
    }

    @hidden
    action copy_no_mark() {
        meta.old_tos[7:2] = meta.dscp;
        meta.old_tos[1:0] = 0;
    }

    // RFC 6040 section 4.1, RFC 2983.
    @hidden
    table outer_marks {
        key = {
            meta.is_outer_dscp_uniform : exact;
            meta.is_ecn_compatible     : exact;
        }
        actions = {
            copy_marks;
            copy_dscp;
            copy_ecn;
            copy_no_mark;
        }
        const entries = {
            (0, 0) : copy_ecn();
            (0, 1) : copy_no_mark();
            (1, 0) : copy_marks();
            (1, 1) : copy_dscp();
        }
        const default_action = copy_no_mark;
    }

    @hidden
    action write_udp() {
        added.encap_udp.setValid();
        added.encap_udp.src_port = meta.egress.source_port;
        added.encap_udp.dst_port = UDP_PORT_VXLAN;
        added.encap_udp.length = meta.frame_length + ENCAP_UDP_BYTES;
        added.encap_udp.checksum = 0; // calculated on the way out where that is wanted and the architecture can (docs/adr/0013)
        added.encap_vxlan.setValid();
        added.encap_vxlan.vni = meta.vni;
        added.encap_vxlan.reserved2 = 0;
    }

    @hidden
    action write_ipv4() {
        added.encap_ethernet.ether_type = ETHER_TYPE_IPV4;
        added.encap_ipv4.version_ihl = IPV4_VERSION_IHL;
        added.encap_ipv4.total_length = meta.frame_length + ENCAP_IPV4_BYTES;
        added.encap_ipv4.identification = 0;
        added.encap_ipv4.flags = IPV4_DONT_FRAGMENT;
        added.encap_ipv4.fragment_offset = 0;
        added.encap_ipv4.ttl = ENCAP_TTL;
        added.encap_ipv4.protocol = IP_PROTOCOL_UDP;
        added.encap_ipv4.checksum = 0; // set on the way out
        write_udp();
    }

    @hidden
    action write_ipv6() {
        added.encap_ethernet.ether_type = ETHER_TYPE_IPV6;
        added.encap_ipv6.payload_length = meta.frame_length + ENCAP_UDP_BYTES;
        added.encap_ipv6.next_header = IP_PROTOCOL_UDP;
        added.encap_ipv6.hop_limit = ENCAP_TTL;
        write_udp();
    }

    @hidden
    action write_vxlan() {
        added.encap_vxlan.flags = VXLAN_FLAGS;
        added.encap_vxlan.policy_flags = 0;
        added.encap_vxlan.group_policy = 0;
    }

    @hidden
    action write_vxlan_gbp() {
        added.encap_vxlan.flags = VXLAN_GBP_FLAGS;
        added.encap_vxlan.policy_flags = VXLAN_GBP_APPLIED;
        added.encap_vxlan.group_policy = meta.egress.src_label;
    }

    @hidden
    action encapsulate_v4() {
        write_ipv4();
        write_vxlan();
    }

    @hidden
    action encapsulate_v4_gbp() {
        write_ipv4();
        write_vxlan_gbp();
    }

    @hidden
    action encapsulate_v6() {
        write_ipv6();
        write_vxlan();
    }

    @hidden
    action encapsulate_v6_gbp() {
        write_ipv6();
        write_vxlan_gbp();
    }

    @hidden
    table outer_headers {
        key = {
            added.encap_ipv6.isValid() : exact;
            meta.is_gbp                : exact;
        }
        actions = {
            encapsulate_v4;
            encapsulate_v4_gbp;
            encapsulate_v6;
            encapsulate_v6_gbp;
        }
        const entries = {
            (false, 0) : encapsulate_v4();
            (false, 1) : encapsulate_v4_gbp();
            (true,  0) : encapsulate_v6();
            (true,  1) : encapsulate_v6_gbp();
        }
        const default_action = encapsulate_v4;
    }

    apply {
        outer_headers.apply();
        outer_marks.apply();
        if (added.encap_ipv6.isValid()) {
            write_traffic_class.apply(added.encap_ipv6, meta.old_tos);
        } else {
            added.encap_ipv4.tos = meta.old_tos;
        }
    }
}

#endif
