// SPDX-License-Identifier: Apache-2.0
// The pipeline on TNA (Tofino 1).
#include "arch.p4"
#include "../common/parser.p4"
#include "../common/ingress.p4"
#include "../common/egress.p4"

parser SwitchIngressParser(
    packet_in packet,
    out ingress_headers_t hdr,
    out metadata_t meta,
    out ingress_intrinsic_metadata_t intrinsic) {
    TunnelParser() tunnel_parser;

    state start {
        packet.extract(intrinsic);
        packet.advance(PORT_METADATA_SIZE);
        meta = { ... };
        meta.ingress_port = intrinsic.ingress_port;
        transition select(intrinsic.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_frame;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.received.packet_out);
        transition accept;
    }

    state parse_frame {
        tunnel_parser.apply(packet, hdr.received, meta.datagram, meta.lkp);
        transition accept;
    }
}

// Hands the verdict to egress.
control Bridge(inout ingress_headers_t hdr, in egress_verdict_t verdict) {
    apply {
        hdr.bridged.setValid();
        hdr.bridged.rewrite_mode = verdict.rewrite_mode;
        hdr.bridged.punt_reason = verdict.punt_reason;
        hdr.bridged.is_guarded = verdict.is_guarded;
        hdr.bridged.is_terminated = verdict.is_terminated;
        hdr.bridged.is_unruled = verdict.is_unruled;
        hdr.bridged.is_dscp_uniform = verdict.is_dscp_uniform;
        hdr.bridged.is_gateway = verdict.is_gateway;
        hdr.bridged.is_dad = verdict.is_dad;
        hdr.bridged.keeps_tag = verdict.keeps_tag;
        hdr.bridged.ingress_port = verdict.ingress_port;
        hdr.bridged.source_index = verdict.source_index;
        hdr.bridged.port_index = verdict.port_index;
        hdr.bridged.bridge_domain = verdict.bridge_domain;
        hdr.bridged.vrf = verdict.vrf;
        hdr.bridged.src_label = verdict.src_label;
        hdr.bridged.outer_tos = verdict.outer_tos;
        hdr.bridged.dst_mac = verdict.dst_mac;
        hdr.bridged.source_port = verdict.source_port;
        hdr.bridged.ip_protocol = verdict.ip_protocol;
        hdr.bridged.has_l4 = verdict.has_l4;
        hdr.bridged.is_echo = verdict.is_echo;
        hdr.bridged.l4_src_port = verdict.l4_src_port;
        hdr.bridged.l4_dst_port = verdict.l4_dst_port;
    }
}

// Container sizes, which the compiler does not find by itself in useful time: every header that is copied to the lookup fields is
// tied to all others that are.
@pa_container_size("ingress", "hdr.received.frame.ipv4.total_length", 16)
@pa_container_size("ingress", "hdr.received.frame.ipv4.ttl", 8)
@pa_container_size("ingress", "hdr.received.frame.ipv4.protocol", 8)
@pa_container_size("ingress", "hdr.received.frame.ipv4.src_addr", 32)
@pa_container_size("ingress", "hdr.received.frame.ipv4.dst_addr", 32)
@pa_container_size("ingress", "hdr.received.frame.ipv6.payload_length", 16)
@pa_container_size("ingress", "hdr.received.frame.ipv6.next_header", 8)
@pa_container_size("ingress", "hdr.received.frame.ipv6.hop_limit", 8)
@pa_container_size("ingress", "hdr.received.frame.ipv6.src_addr", 32)
@pa_container_size("ingress", "hdr.received.frame.ipv6.dst_addr", 32)
@pa_container_size("ingress", "hdr.received.frame.udp.src_port", 16)
@pa_container_size("ingress", "hdr.received.frame.udp.dst_port", 16)
@pa_container_size("ingress", "meta.lkp.src", 32)
@pa_container_size("ingress", "meta.lkp.dst", 32)
@pa_container_size("ingress", "meta.lkp.target", 32)
@pa_container_size("ingress", "meta.lkp.ttl", 8)
@pa_container_size("ingress", "meta.lkp.ip_protocol", 8)
@pa_container_size("ingress", "meta.lkp.ip_length", 16)
@pa_container_size("ingress", "meta.lkp.l4_src_port", 16)
@pa_container_size("ingress", "meta.lkp.l4_dst_port", 16)
@pa_container_size("ingress", "meta.lkp.ether_type", 16)
@pa_container_size("ingress", "meta.lkp.kind", 8)
control SwitchIngress(
    inout ingress_headers_t hdr,
    inout metadata_t meta,
    in ingress_intrinsic_metadata_t intrinsic,
    in ingress_intrinsic_metadata_from_parser_t from_parser,
    inout ingress_intrinsic_metadata_for_deparser_t for_deparser,
    inout ingress_intrinsic_metadata_for_tm_t for_tm) {
    @name(".tunnel_selector") @id(0x02)
    ActionProfile(TUNNEL_SELECTOR_MEMBERS) tunnel_profile;
    Hash<bit<16>>(HashAlgorithm_t.CRC16) tunnel_hash;
    @name(".tunnel_groups")
    ActionSelector(tunnel_profile, tunnel_hash, SelectorMode_t.FAIR, SELECTOR_GROUP_SIZE, TUNNEL_SELECTOR_GROUPS)
        tunnel_selector;

    @name(".underlay_selector_v4") @id(0x01)
    ActionProfile(UNDERLAY_SELECTOR_V4_MEMBERS) underlay_profile_v4;
    Hash<bit<16>>(HashAlgorithm_t.CRC16) underlay_hash_v4;
    @name(".underlay_groups_v4")
    ActionSelector(
        underlay_profile_v4, underlay_hash_v4, SelectorMode_t.FAIR, SELECTOR_GROUP_SIZE, UNDERLAY_SELECTOR_V4_GROUPS)
        underlay_selector_v4;

    @name(".underlay_selector_v6") @id(0x03)
    ActionProfile(UNDERLAY_SELECTOR_V6_MEMBERS) underlay_profile_v6;
    Hash<bit<16>>(HashAlgorithm_t.CRC16) underlay_hash_v6;
    @name(".underlay_groups_v6")
    ActionSelector(
        underlay_profile_v6, underlay_hash_v6, SelectorMode_t.FAIR, SELECTOR_GROUP_SIZE, UNDERLAY_SELECTOR_V6_GROUPS)
        underlay_selector_v6;

    IngressPipeline(tunnel_selector, underlay_selector_v4, underlay_selector_v6) pipeline;
    Bridge() bridge_verdict;

    @hidden
    action copy(copy_kind_t kind) {
        meta.copy_kind = kind;
        for_deparser.mirror_type = MIRROR_COPY;
    }

    @hidden
    action copy_to_controller(copy_kind_t kind) {
        copy(kind);
        meta.copy_session = meta.copy_session | COPY_TO_CONTROLLER;
    }

    @hidden
    table copies {
        key = {
            meta.is_trapped                   : ternary;
            meta.is_logged                    : ternary;
            meta.color                        : ternary;
            meta.copy_session                 : ternary;
            meta.is_terminated                : ternary;
            hdr.received.frame.ipv6.isValid() : ternary;
        }
        actions = {
            copy;
            copy_to_controller;
            NoAction;
        }
        const entries = {
            // trapped logged color session terminated ipv6
            (1, _, _,           _, _, _)    : NoAction();
            (_, 1, COLOR_GREEN, _, 0, _)    : copy_to_controller(COPY_BARE);
            (_, 1, COLOR_GREEN, _, 1, true) : copy_to_controller(COPY_RECEIVED_V6);
            (_, 1, COLOR_GREEN, _, 1, _)    : copy_to_controller(COPY_RECEIVED_V4);
            (_, _, _,           0, _, _)    : NoAction();
            (_, _, _,           _, 0, _)    : copy(COPY_BARE);
            (_, _, _,           _, 1, true) : copy(COPY_RECEIVED_V6);
            (_, _, _,           _, 1, _)    : copy(COPY_RECEIVED_V4);
        }
        const default_action = NoAction;
    }

    @hidden
    action show() {
        meta.egress.rewrite_mode = REWRITE_PUNT;
        for_tm.ucast_egress_port = CPU_PORT;
    }

    @hidden
    action drop() {
        for_deparser.drop_ctl = 1;
    }

    @hidden
    action replicate() {
        for_tm.mcast_grp_a = meta.egress.port_index;
    }

    @hidden
    action forward() {
        for_tm.ucast_egress_port = meta.egress.egress_port;
    }

    // Removes the underlay headers: egress parses the tenant's frame as if it had come in bare.
    @hidden
    action decapsulate() {
        hdr.received.frame.ethernet.setInvalid();
        hdr.received.frame.ipv4.setInvalid();
        hdr.received.frame.ipv6.setInvalid();
        hdr.received.frame.udp.setInvalid();
        hdr.received.vxlan.setInvalid();
    }

    @hidden
    action decapsulate_and_replicate() {
        decapsulate();
        replicate();
    }

    @hidden
    action decapsulate_and_forward() {
        decapsulate();
        forward();
    }

    @hidden
    table fates {
        key = {
            meta.is_trapped    : ternary;
            meta.is_punted     : ternary;
            meta.is_logged     : ternary;
            meta.color         : ternary;
            meta.drop_reason   : ternary;
            meta.is_flooded    : ternary;
            meta.is_terminated : ternary;
        }
        actions = {
            show;
            drop;
            replicate;
            forward;
            decapsulate_and_replicate;
            decapsulate_and_forward;
        }
        const entries = {
            // trapped punted logged color reason flooded terminated
            (1, _, _, _,           _,         _, _) : show();
            (_, 1, 0, COLOR_GREEN, _,         _, _) : show();
            (_, _, _, _,           DROP_NONE, 1, 1) : decapsulate_and_replicate();
            (_, _, _, _,           DROP_NONE, 1, _) : replicate();
            (_, _, _, _,           DROP_NONE, _, 1) : decapsulate_and_forward();
            (_, _, _, _,           DROP_NONE, _, _) : forward();
        }
        const default_action = drop;
    }

    apply {
        if (hdr.received.packet_out.isValid()) {
            for_tm.ucast_egress_port = hdr.received.packet_out.egress_port;
            for_tm.bypass_egress = 1;
            hdr.received.packet_out.setInvalid();
        } else {
            if (from_parser.parser_err != PARSER_ERROR_OK) {
                meta.is_parser_error = 1;
            }
            pipeline.apply(hdr.received, meta);
            copies.apply();
            fates.apply();
            bridge_verdict.apply(hdr, meta.egress);
        }
    }
}

control SwitchIngressDeparser(
    packet_out packet,
    inout ingress_headers_t hdr,
    in metadata_t meta,
    in ingress_intrinsic_metadata_for_deparser_t for_deparser) {
    Mirror() copy;

    apply {
        if (for_deparser.mirror_type == MIRROR_COPY) {
            copy.emit<copied_t>(meta.copy_session, {
                meta.copy_kind, hdr.bridged.punt_reason, 0, hdr.bridged.ingress_port, hdr.bridged.vrf
            });
        }
        packet.emit(hdr.bridged);
        packet.emit(hdr.received);
    }
}

parser SwitchEgressParser(
    packet_in packet,
    out egress_headers_t hdr,
    out metadata_t meta,
    out egress_intrinsic_metadata_t intrinsic) {
    state start {
        packet.extract(intrinsic);
        meta = { ... };
        meta.frame_length = intrinsic.pkt_length;
        transition select(packet.lookahead<copy_kind_t>()) {
            COPY_BARE &&& 0xf0: parse_copied;
            default: parse_bridged;
        }
    }

    // Only the controller sees the tunnel that a frame came out of, and nobody the one that it leaves into.
    state parse_copied {
        packet.extract(hdr.copied);
        meta.egress.port_index = intrinsic.egress_rid;
        meta.egress.punt_reason = hdr.copied.punt_reason;
        meta.egress.ingress_port = hdr.copied.ingress_port;
        meta.egress.vrf = hdr.copied.vrf;
        transition select(intrinsic.egress_port, hdr.copied.kind) {
            (CPU_PORT, COPY_RECEIVED_V4): parse_shown;
            (CPU_PORT, COPY_RECEIVED_V6): parse_shown;
            (_, COPY_RECEIVED_V4): skip_tunnel_v4;
            (_, COPY_RECEIVED_V6): skip_tunnel_v6;
            (_, COPY_SENT_V4): skip_tunnel_v4;
            (_, COPY_SENT_V6): skip_tunnel_v6;
            default: parse_tenant_frame;
        }
    }

    state parse_shown {
        meta.egress.rewrite_mode = REWRITE_PUNT;
        transition accept;
    }

    state skip_tunnel_v4 {
        packet.advance(TUNNEL_V4_BITS);
        transition parse_tenant_frame;
    }

    state skip_tunnel_v6 {
        packet.advance(TUNNEL_V6_BITS);
        transition parse_tenant_frame;
    }

    state parse_tenant_frame {
        transition select(intrinsic.egress_port) {
            CPU_PORT: parse_shown;
            default: parse_mirrored;
        }
    }

    // Nothing but the tag of a mirrored frame is looked at, and more would be too deep behind a tunnel.
    state parse_mirrored {
        meta.egress.rewrite_mode = REWRITE_MIRRORED;
        packet.extract(hdr.frame.ethernet);
        transition select(hdr.frame.ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_mirrored_tag;
            default: accept;
        }
    }

    state parse_mirrored_tag {
        packet.extract(hdr.frame.vlan);
        transition accept;
    }

    state parse_bridged {
        packet.extract(hdr.bridged);
        meta.egress.rewrite_mode = hdr.bridged.rewrite_mode;
        meta.egress.punt_reason = hdr.bridged.punt_reason;
        meta.egress.is_guarded = hdr.bridged.is_guarded;
        meta.egress.is_terminated = hdr.bridged.is_terminated;
        meta.egress.is_unruled = hdr.bridged.is_unruled;
        meta.egress.is_dscp_uniform = hdr.bridged.is_dscp_uniform;
        meta.egress.is_gateway = hdr.bridged.is_gateway;
        meta.egress.is_dad = hdr.bridged.is_dad;
        meta.egress.keeps_tag = hdr.bridged.keeps_tag;
        meta.egress.ingress_port = hdr.bridged.ingress_port;
        meta.egress.source_index = hdr.bridged.source_index;
        meta.egress.port_index = hdr.bridged.port_index;
        meta.egress.bridge_domain = hdr.bridged.bridge_domain;
        meta.egress.vrf = hdr.bridged.vrf;
        meta.egress.src_label = hdr.bridged.src_label;
        meta.egress.outer_tos = hdr.bridged.outer_tos;
        meta.egress.dst_mac = hdr.bridged.dst_mac;
        meta.egress.source_port = hdr.bridged.source_port;
        meta.egress.ip_protocol = hdr.bridged.ip_protocol;
        meta.egress.has_l4 = hdr.bridged.has_l4;
        meta.egress.is_echo = hdr.bridged.is_echo;
        meta.egress.l4_src_port = hdr.bridged.l4_src_port;
        meta.egress.l4_dst_port = hdr.bridged.l4_dst_port;
        transition select(hdr.bridged.rewrite_mode) {
            REWRITE_PUNT: accept;
            default: parse_ethernet;
        }
    }

    state parse_ethernet {
        packet.extract(hdr.frame.ethernet);
        transition select(hdr.frame.ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_vlan;
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: parse_ipv6;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.frame.vlan);
        transition select(hdr.frame.vlan.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: parse_ipv6;
            default: accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.frame.arp);
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.frame.ipv4);
        transition accept;
    }

    state parse_ipv6 {
        packet.extract(hdr.frame.ipv6);
        transition select(hdr.bridged.rewrite_mode) {
            REWRITE_ND_REPLY: parse_neighbor;
            default: accept;
        }
    }

    state parse_neighbor {
        packet.extract(hdr.frame.icmp);
        packet.extract(hdr.frame.neighbor);
        transition select(hdr.frame.ipv6.payload_length) {
            ND_BYTES + ND_OPTION_BYTES: parse_option;
            default: accept;
        }
    }

    state parse_option {
        packet.extract(hdr.frame.link_layer_option);
        transition accept;
    }
}

// As in ingress.
@pa_container_size("egress", "hdr.added.encap_vxlan.policy_flags", 8)
@pa_container_size("egress", "hdr.added.encap_vxlan.group_policy", 16)
@pa_mutually_exclusive("egress", "hdr.added.packet_in.ingress_port", "hdr.added.encap_udp.dst_port")
@pa_mutually_exclusive("egress", "hdr.added.packet_in.pad", "hdr.added.encap_udp.dst_port")
@pa_mutually_exclusive("egress", "hdr.added.packet_in.vrf", "hdr.added.encap_udp.src_port")
@pa_mutually_exclusive("egress", "hdr.added.packet_in.reason", "hdr.added.encap_vxlan.flags")
@pa_container_size("egress", "hdr.added.encap_udp.src_port", 16)
@pa_container_size("egress", "hdr.added.encap_udp.dst_port", 16)
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.src_addr", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.src_addr", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.dst_addr", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.dst_addr", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.version_ihl", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.version_ihl", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.version_ihl", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.version_ihl", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.version_ihl", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.tos", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.tos", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.tos", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.tos", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.tos", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.ttl", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.ttl", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.ttl", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.ttl", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.ttl", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.protocol", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.protocol", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.protocol", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.protocol", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.protocol", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.total_length", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.total_length", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.total_length", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.total_length", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.total_length", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.identification", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.identification", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.identification", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.identification", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.identification", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.flags", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.flags", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.flags", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.flags", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.flags", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.fragment_offset", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.fragment_offset", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.fragment_offset", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.fragment_offset", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.fragment_offset", "hdr.added.encap_ipv6.hop_limit")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.checksum", "hdr.added.encap_ipv6.src_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.checksum", "hdr.added.encap_ipv6.dst_addr")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.checksum", "hdr.added.encap_ipv6.payload_length")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.checksum", "hdr.added.encap_ipv6.next_header")
@pa_mutually_exclusive("egress", "hdr.added.encap_ipv4.checksum", "hdr.added.encap_ipv6.hop_limit")
@pa_container_size("egress", "hdr.frame.ipv4.version_ihl", 8)
@pa_container_size("egress", "hdr.frame.ipv4.tos", 8)
@pa_container_size("egress", "hdr.frame.ipv4.total_length", 16)
@pa_container_size("egress", "hdr.frame.ipv4.identification", 16)
@pa_container_size("egress", "hdr.frame.ipv4.ttl", 8)
@pa_container_size("egress", "hdr.frame.ipv4.protocol", 8)
@pa_container_size("egress", "hdr.frame.ipv4.checksum", 16)
@pa_container_size("egress", "hdr.frame.ipv4.src_addr", 32)
@pa_container_size("egress", "hdr.frame.ipv4.dst_addr", 32)
@pa_container_size("egress", "hdr.frame.ipv6.payload_length", 16)
@pa_container_size("egress", "hdr.frame.ipv6.next_header", 8)
@pa_container_size("egress", "hdr.frame.ipv6.hop_limit", 8)
@pa_container_size("egress", "hdr.frame.ipv6.src_addr", 32)
@pa_container_size("egress", "hdr.frame.ipv6.dst_addr", 32)
@pa_container_size("egress", "hdr.frame.neighbor.target", 32)
@pa_container_size("egress", "hdr.frame.neighbor.flags", 32)
@pa_container_size("egress", "hdr.frame.arp.sender_address", 32)
@pa_container_size("egress", "hdr.frame.arp.target_address", 32)
@pa_container_size("egress", "hdr.frame.ethernet.ether_type", 16)
@pa_container_size("egress", "hdr.frame.vlan.ether_type", 16)
@pa_container_size("egress", "hdr.frame.arp.operation", 16)
// Compared in one condition: only bytes of 8-bit containers can lie side by side there.
@pa_container_size("egress", "meta.flow.is_same", 8)
@pa_container_size("egress", "meta.flow.is_same_1", 8)
@pa_container_size("egress", "meta.flow.is_same_2", 8)
@pa_container_size("egress", "meta.flow.is_same_3", 8)
@pa_container_size("egress", "meta.flow.is_same_ports", 8)
@pa_container_size("egress", "meta.flow.is_same_protocol", 8)
control SwitchEgress(
    inout egress_headers_t hdr,
    inout metadata_t meta,
    in egress_intrinsic_metadata_t intrinsic,
    in egress_intrinsic_metadata_from_parser_t from_parser,
    inout egress_intrinsic_metadata_for_deparser_t for_deparser,
    inout egress_intrinsic_metadata_for_output_port_t for_output_port) {
    EgressPipeline() pipeline;

    @hidden
    action drop() {
        for_deparser.drop_ctl = 1;
    }

    @hidden
    action copy(copy_kind_t kind) {
        meta.copy_kind = kind;
        for_deparser.mirror_type = MIRROR_COPY;
    }

    @hidden
    action copy_to_controller(copy_kind_t kind) {
        copy(kind);
        meta.copy_session = meta.copy_session | COPY_TO_CONTROLLER;
    }

    @hidden
    action copy_and_drop(copy_kind_t kind) {
        copy(kind);
        drop();
    }

    @hidden
    action copy_to_controller_and_drop(copy_kind_t kind) {
        copy_to_controller(kind);
        drop();
    }

    @hidden
    table fates {
        key = {
            meta.is_punted                 : ternary;
            meta.is_logged                 : ternary;
            meta.color                     : ternary;
            meta.copy_session              : ternary;
            meta.drop_reason               : ternary;
            meta.is_pruned                 : ternary;
            hdr.added.encap_ipv4.isValid() : ternary;
            hdr.added.encap_ipv6.isValid() : ternary;
        }
        actions = {
            drop;
            copy;
            copy_to_controller;
            copy_and_drop;
            copy_to_controller_and_drop;
            NoAction;
        }
        const entries = {
            // punted logged color session reason pruned ipv4 ipv6
            (_, _, _,           _, DROP_NONE, 1, _,    _)    : drop();
            (_, 1, COLOR_GREEN, _, DROP_NONE, _, true, _)    : copy_to_controller(COPY_SENT_V4);
            (_, 1, COLOR_GREEN, _, DROP_NONE, _, _,    true) : copy_to_controller(COPY_SENT_V6);
            (_, 1, COLOR_GREEN, _, DROP_NONE, _, _,    _)    : copy_to_controller(COPY_BARE);
            (_, _, _,           0, DROP_NONE, _, _,    _)    : NoAction();
            (_, _, _,           _, DROP_NONE, _, true, _)    : copy(COPY_SENT_V4);
            (_, _, _,           _, DROP_NONE, _, _,    true) : copy(COPY_SENT_V6);
            (_, _, _,           _, DROP_NONE, _, _,    _)    : copy(COPY_BARE);
            (1, _, COLOR_GREEN, _, _,         _, true, _)    : copy_to_controller_and_drop(COPY_SENT_V4);
            (1, _, COLOR_GREEN, _, _,         _, _,    true) : copy_to_controller_and_drop(COPY_SENT_V6);
            (1, _, COLOR_GREEN, _, _,         _, _,    _)    : copy_to_controller_and_drop(COPY_BARE);
            (_, 1, COLOR_GREEN, _, _,         _, true, _)    : copy_to_controller_and_drop(COPY_SENT_V4);
            (_, 1, COLOR_GREEN, _, _,         _, _,    true) : copy_to_controller_and_drop(COPY_SENT_V6);
            (_, 1, COLOR_GREEN, _, _,         _, _,    _)    : copy_to_controller_and_drop(COPY_BARE);
            (_, _, _,           0, _,         _, _,    _)    : drop();
            (_, _, _,           _, _,         _, true, _)    : copy_and_drop(COPY_SENT_V4);
            (_, _, _,           _, _,         _, _,    true) : copy_and_drop(COPY_SENT_V6);
        }
        const default_action = copy_and_drop(COPY_BARE);
    }

    apply {
        if (meta.egress.rewrite_mode == REWRITE_FLOODED) {
            meta.egress.port_index = intrinsic.egress_rid;
        }
        pipeline.apply(hdr.added, hdr.frame, meta, intrinsic.egress_port, from_parser.global_tstamp[47:32]);
        fates.apply();
    }
}

control SwitchEgressDeparser(
    packet_out packet,
    inout egress_headers_t hdr,
    in metadata_t meta,
    in egress_intrinsic_metadata_for_deparser_t for_deparser) {
    Checksum() encap_checksum;
    Checksum() neighbor_checksum;
    Checksum() ipv4_checksum;
    Mirror() copy;

    apply {
        if (for_deparser.mirror_type == MIRROR_COPY) {
            copy.emit<copied_t>(meta.copy_session, {
                meta.copy_kind, meta.egress.punt_reason, 0, meta.egress.ingress_port, meta.egress.vrf
            });
        }
        if (meta.is_checksum_due == 1) {
            hdr.frame.ipv4.checksum = ipv4_checksum.update({
                hdr.frame.ipv4.version_ihl, hdr.frame.ipv4.tos, hdr.frame.ipv4.total_length,
                hdr.frame.ipv4.identification, hdr.frame.ipv4.flags, hdr.frame.ipv4.fragment_offset, hdr.frame.ipv4.ttl,
                hdr.frame.ipv4.protocol, hdr.frame.ipv4.src_addr, hdr.frame.ipv4.dst_addr
            });
        }
        if (hdr.added.encap_ipv4.isValid()) {
            hdr.added.encap_ipv4.checksum = encap_checksum.update({
                hdr.added.encap_ipv4.version_ihl, hdr.added.encap_ipv4.tos, hdr.added.encap_ipv4.total_length,
                hdr.added.encap_ipv4.identification, hdr.added.encap_ipv4.flags, hdr.added.encap_ipv4.fragment_offset,
                hdr.added.encap_ipv4.ttl, hdr.added.encap_ipv4.protocol, hdr.added.encap_ipv4.src_addr,
                hdr.added.encap_ipv4.dst_addr
            });
        }
        // RFC 4443 section 2.3: the pseudo-header, then the message. Only replies that we write leave with this option.
        if (hdr.frame.link_layer_option.isValid()) {
            hdr.frame.icmp.checksum = neighbor_checksum.update({
                hdr.frame.ipv6.src_addr, hdr.frame.ipv6.dst_addr, hdr.frame.ipv6.payload_length,
                8w0, hdr.frame.ipv6.next_header, hdr.frame.icmp.type, hdr.frame.icmp.code,
                hdr.frame.neighbor.flags, hdr.frame.neighbor.target, hdr.frame.link_layer_option.type,
                hdr.frame.link_layer_option.length, hdr.frame.link_layer_option.mac
            });
        }
        packet.emit(hdr.added);
        packet.emit(hdr.frame);
    }
}

Pipeline(
    SwitchIngressParser(), SwitchIngress(), SwitchIngressDeparser(),
    SwitchEgressParser(), SwitchEgress(), SwitchEgressDeparser()) pipe;

Switch(pipe) main;
