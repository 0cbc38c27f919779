// SPDX-License-Identifier: Apache-2.0
// Changes the tenant's frame as ingress decided: MAC addresses, time to live, congestion marks, ARP and ND reply.
// `ChecksumMoves` is the architecture's: it makes the IPv4 header checksum follow, and may leave a part of that for later.
#ifndef COMMON_REWRITE_P4
#define COMMON_REWRITE_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

// Takes the tag off, if it is not the tenant's own, and measures IP lengths against the frame (RFC 791, RFC 8200): the header fits
// the datagram, the datagram fits the frame. Here and not in ingress, because a switch that cuts through does not know the
// frame's length there.
control Measure(inout frame_headers_t hdr, inout metadata_t meta) {
    @hidden
    action set_header_bytes(bit<16> bytes) {
        meta.missing_in_datagram = bytes;
    }

    // A table, because Tofino moves no four bits of a byte into a longer field.
    @hidden
    table header_lengths {
        key = {
            hdr.ipv4.isValid()   : exact;
            hdr.ipv4.version_ihl : exact;
        }
        actions = {
            set_header_bytes;
        }
        const entries = {
            (true, 0x46) : set_header_bytes(24);
            (true, 0x47) : set_header_bytes(28);
            (true, 0x48) : set_header_bytes(32);
            (true, 0x49) : set_header_bytes(36);
            (true, 0x4a) : set_header_bytes(40);
            (true, 0x4b) : set_header_bytes(44);
            (true, 0x4c) : set_header_bytes(48);
            (true, 0x4d) : set_header_bytes(52);
            (true, 0x4e) : set_header_bytes(56);
            (true, 0x4f) : set_header_bytes(60);
        }
        const default_action = set_header_bytes(20);
    }

    @hidden
    action measure() {
        meta.missing_in_frame = meta.frame_length - (LENGTH_EXCESS + ETHERNET_BYTES);
        meta.frame_length = meta.frame_length - LENGTH_EXCESS;
    }

    @hidden
    action measure_v6() {
        meta.missing_in_frame = meta.frame_length - (LENGTH_EXCESS + ETHERNET_BYTES + IPV6_BYTES);
        meta.frame_length = meta.frame_length - LENGTH_EXCESS;
    }

    @hidden
    action measure_kept() {
        meta.missing_in_frame = meta.frame_length - (LENGTH_EXCESS + ETHERNET_BYTES + VLAN_BYTES);
        meta.frame_length = meta.frame_length - LENGTH_EXCESS;
    }

    @hidden
    action measure_kept_v6() {
        meta.missing_in_frame = meta.frame_length - (LENGTH_EXCESS + ETHERNET_BYTES + VLAN_BYTES + IPV6_BYTES);
        meta.frame_length = meta.frame_length - LENGTH_EXCESS;
    }

    @hidden
    action remove_tag() {
        meta.frame_length = meta.frame_length - (LENGTH_EXCESS + VLAN_BYTES);
        hdr.ethernet.ether_type = hdr.vlan.ether_type;
        hdr.vlan.setInvalid();
    }

    @hidden
    action measure_tagged() {
        meta.missing_in_frame = meta.frame_length - (LENGTH_EXCESS + ETHERNET_BYTES + VLAN_BYTES);
        remove_tag();
    }

    @hidden
    action measure_tagged_v6() {
        meta.missing_in_frame = meta.frame_length - (LENGTH_EXCESS + ETHERNET_BYTES + VLAN_BYTES + IPV6_BYTES);
        remove_tag();
    }

    @hidden
    table frame_lengths {
        key = {
            hdr.vlan.isValid()    : ternary;
            meta.egress.keeps_tag : ternary;
            hdr.ipv6.isValid()    : ternary;
        }
        actions = {
            measure;
            measure_v6;
            measure_kept;
            measure_kept_v6;
            measure_tagged;
            measure_tagged_v6;
        }
        const entries = {
            (false, _, false) : measure();
            (false, _, true)  : measure_v6();
            (true,  1, false) : measure_kept();
            (true,  1, true)  : measure_kept_v6();
            (true,  _, false) : measure_tagged();
            (true,  _, true)  : measure_tagged_v6();
        }
        const default_action = measure;
    }

    @hidden
    action compare_v4() {
        meta.missing_in_frame = hdr.ipv4.total_length |-| meta.missing_in_frame;
        meta.missing_in_datagram = meta.missing_in_datagram |-| hdr.ipv4.total_length;
    }

    @hidden
    action compare_v6() {
        meta.missing_in_frame = hdr.ipv6.payload_length |-| meta.missing_in_frame;
        meta.missing_in_datagram = 0;
    }

    @hidden
    action compare_nothing() {
        meta.missing_in_frame = 0;
        meta.missing_in_datagram = 0;
    }

    apply {
        frame_lengths.apply();
        header_lengths.apply();
        if (hdr.ipv4.isValid()) {
            compare_v4();
        } else if (hdr.ipv6.isValid()) {
            compare_v6();
        } else {
            compare_nothing();
        }
    }
}

// Congestion marks of a tunnel that ended here (RFC 6040 section 4.2), and its DSCP where that is wanted (RFC 2983).
control TunnelMarks(inout metadata_t meta) {
    @hidden
    action keep_marks() {
        meta.tos = meta.old_tos;
    }

    @hidden
    action set_ecn(bit<2> ecn) {
        meta.tos[7:2] = meta.old_tos[7:2];
        meta.tos[1:0] = ecn;
    }

    @hidden
    action set_dscp() {
        meta.tos[7:2] = meta.egress.outer_tos[7:2];
        meta.tos[1:0] = meta.old_tos[1:0];
    }

    @hidden
    action set_dscp_and_ecn(bit<2> ecn) {
        meta.tos[7:2] = meta.egress.outer_tos[7:2];
        meta.tos[1:0] = ecn;
    }

    @hidden
    action refuse_ecn() {
        meta.is_refused_mark = 1;
    }

    @hidden
    table tunnel_marks {
        key = {
            meta.egress.is_terminated   : ternary;
            meta.egress.is_dscp_uniform : ternary;
            meta.old_tos[1:0]           : ternary;
            meta.egress.outer_tos[1:0]  : ternary;
        }
        actions = {
            keep_marks;
            set_ecn;
            set_dscp;
            set_dscp_and_ecn;
            refuse_ecn;
        }
        const entries = {
            // terminated uniform inner outer
            (0, _, _, _) : keep_marks();
            (_, _, 0, 3) : refuse_ecn();
            (_, 0, 2, 1) : set_ecn(1);
            (_, 0, 2, 3) : set_ecn(3);
            (_, 0, 1, 3) : set_ecn(3);
            (_, 1, 2, 1) : set_dscp_and_ecn(1);
            (_, 1, 2, 3) : set_dscp_and_ecn(3);
            (_, 1, 1, 3) : set_dscp_and_ecn(3);
            (_, 1, _, _) : set_dscp();
        }
        const default_action = keep_marks;
    }

    apply {
        tunnel_marks.apply();
    }
}

// May the frame leave at all? The first line that holds decides.
control DecideFrame(inout metadata_t meta) {
    @hidden
    action pass_frame() {
    }

    @hidden
    action refuse_frame(drop_reason_t reason) {
        meta.drop_reason = reason;
    }

    @hidden
    table frame_decision {
        key = {
            meta.missing_in_frame    : ternary;
            meta.missing_in_datagram : ternary;
            meta.is_unknown_domain   : ternary;
            meta.is_refused_mark     : ternary;
        }
        actions = {
            pass_frame;
            refuse_frame;
        }
        const entries = {
            (0, 0, 0, 0) : pass_frame();
            (0, 0, 1, _) : refuse_frame(DROP_UNKNOWN_BRIDGE_DOMAIN);
            (0, 0, _, _) : refuse_frame(DROP_ECN);
        }
        const default_action = refuse_frame(DROP_IP_HEADER);
    }

    apply {
        frame_decision.apply();
    }
}

// What the frame may become, and whether it may leave at all.
control Inspect(inout frame_headers_t hdr, inout metadata_t meta) {
    Measure() measure;
    ReadTrafficClass() read_traffic_class;
    WriteTrafficClass() write_traffic_class;
    TunnelMarks() tunnel_marks;
    ChecksumMoves() checksum_moves;
    DecideFrame() decide_frame;

    @name(".set_bridge_domain") @id(0x1c)
    action set_bridge_domain(@id(1) vni_t vni, @id(2) mac_addr_t gateway_mac) {
        meta.vni = vni;
        meta.gateway_mac = gateway_mac;
    }

    @name(".drop_unknown_bridge_domain") @id(0x1d)
    action drop_unknown_bridge_domain() {
        meta.is_unknown_domain = 1;
    }

    @hidden
    action answer_with_gateway() {
        meta.egress.dst_mac = meta.gateway_mac;
    }

    // Written for each subnet that packets leave into, and for the fabric links (0). A miss drops: a mapping names a subnet that
    // is not there.
    @name(".bridge_domains") @id(0x12)
    table bridge_domains {
        key = {
            meta.egress.bridge_domain : exact @name("bridge_domain") @id(1);
        }
        actions = {
            set_bridge_domain;
            @defaultonly drop_unknown_bridge_domain;
        }
        const default_action = drop_unknown_bridge_domain;
        size = BRIDGE_DOMAINS_SIZE;
    }

    apply {
        measure.apply(hdr, meta);
        if (meta.egress.rewrite_mode == REWRITE_ROUTED || meta.egress.port_index[15:15] == BEHIND_TUNNEL
            || meta.egress.is_gateway == 1) {
            bridge_domains.apply();
        }
        if (meta.egress.is_gateway == 1) {
            answer_with_gateway();
        }
        if (hdr.ipv4.isValid()) {
            meta.old_tos = hdr.ipv4.tos;
        } else if (hdr.ipv6.isValid()) {
            read_traffic_class.apply(hdr.ipv6, meta.old_tos);
        }
        if (!hdr.arp.isValid()) {
            tunnel_marks.apply(meta);
        }
        if (meta.egress.rewrite_mode != REWRITE_MIRRORED) {
            decide_frame.apply(meta);
        }
        if (hdr.ipv4.isValid()) {
            checksum_moves.apply(hdr, meta);
            hdr.ipv4.tos = meta.tos;
        } else if (hdr.ipv6.isValid()) {
            write_traffic_class.apply(hdr.ipv6, meta.tos);
        }
    }
}

// After everything that looks at addresses.
control Rewrite(inout frame_headers_t hdr, inout metadata_t meta) {
    @hidden
    action answer_arp() {
        ipv4_addr_t asked_for = hdr.arp.target_address;
        hdr.arp.operation = ARP_REPLY;
        hdr.arp.target_address = hdr.arp.sender_address;
        hdr.arp.sender_address = asked_for;
        hdr.arp.target_mac = hdr.arp.sender_mac;
        hdr.arp.sender_mac = meta.egress.dst_mac;
        hdr.ethernet.dst_addr = hdr.ethernet.src_addr;
        hdr.ethernet.src_addr = meta.egress.dst_mac;
    }

    // RFC 4861 section 7.2.4.
    @hidden
    action advertise(bit<32> flags) {
        hdr.ethernet.src_addr = meta.egress.dst_mac;
        hdr.ipv6.src_addr = hdr.neighbor.target;
        hdr.ipv6.hop_limit = ND_HOP_LIMIT;
        hdr.ipv6.payload_length = ND_BYTES + ND_OPTION_BYTES;
        hdr.icmp.type = ICMPV6_NEIGHBOR_ADVERTISEMENT;
        hdr.neighbor.flags = flags;
        hdr.link_layer_option.setValid();
        hdr.link_layer_option.type = ND_TARGET_LINK_LAYER_ADDRESS;
        hdr.link_layer_option.length = ND_OPTION_LENGTH;
        hdr.link_layer_option.mac = meta.egress.dst_mac;
    }

    @hidden
    action answer_neighbor(bit<32> flags) {
        hdr.ipv6.dst_addr = hdr.ipv6.src_addr;
        hdr.ethernet.dst_addr = hdr.ethernet.src_addr;
        advertise(flags);
    }

    @hidden
    action answer_neighbor_without_option(bit<32> flags) {
        answer_neighbor(flags);
        meta.frame_length = meta.frame_length + ND_OPTION_BYTES;
    }

    // Who has no address yet is told with everybody else.
    @hidden
    action answer_everybody(bit<32> flags) {
        hdr.ipv6.dst_addr = IPV6_ALL_NODES;
        hdr.ethernet.dst_addr = IPV6_ALL_NODES_MAC;
        advertise(flags);
    }

    @hidden
    action answer_everybody_without_option(bit<32> flags) {
        answer_everybody(flags);
        meta.frame_length = meta.frame_length + ND_OPTION_BYTES;
    }

    @hidden
    action age_v4() {
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
    }

    @hidden
    action age_v6() {
        hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
    }

    @hidden
    action route_v4() {
        hdr.ethernet.dst_addr = meta.egress.dst_mac;
        hdr.ethernet.src_addr = meta.gateway_mac;
        age_v4();
    }

    @hidden
    action route_v6() {
        hdr.ethernet.dst_addr = meta.egress.dst_mac;
        hdr.ethernet.src_addr = meta.gateway_mac;
        age_v6();
    }

    @hidden
    table rewrites {
        key = {
            meta.egress.rewrite_mode        : ternary;
            hdr.ipv4.isValid()              : ternary;
            meta.egress.is_dad              : ternary;
            meta.egress.is_gateway          : ternary;
            hdr.link_layer_option.isValid() : ternary;
        }
        actions = {
            answer_arp;
            answer_neighbor;
            answer_neighbor_without_option;
            answer_everybody;
            answer_everybody_without_option;
            route_v4;
            route_v6;
            age_v4;
            age_v6;
            NoAction;
        }
        const entries = {
            // mode            ipv4  dad gateway option
            (REWRITE_ROUTED,    true, _, _, _)     : route_v4();
            (REWRITE_ROUTED,    _,    _, _, _)     : route_v6();
            (REWRITE_TRANSIT,   true, _, _, _)     : age_v4();
            (REWRITE_TRANSIT,   _,    _, _, _)     : age_v6();
            (REWRITE_ARP_REPLY, _,    _, _, _)     : answer_arp();
            (REWRITE_ND_REPLY,  _,    1, 1, true)  : answer_everybody(ND_ROUTER | ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    1, 1, false) : answer_everybody_without_option(ND_ROUTER | ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    1, 0, true)  : answer_everybody(ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    1, 0, false) : answer_everybody_without_option(ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    0, 1, true)  : answer_neighbor(ND_ROUTER | ND_SOLICITED | ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    0, 1, false) : answer_neighbor_without_option(ND_ROUTER | ND_SOLICITED | ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    0, 0, true)  : answer_neighbor(ND_SOLICITED | ND_OVERRIDE);
            (REWRITE_ND_REPLY,  _,    0, 0, false) : answer_neighbor_without_option(ND_SOLICITED | ND_OVERRIDE);
        }
        const default_action = NoAction;
    }

    apply {
        rewrites.apply();
    }
}

#endif
