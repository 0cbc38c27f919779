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
    FrameParser() frame_parser;

    state start {
        packet.extract(intrinsic);
        packet.advance(PORT_METADATA_SIZE);
        meta = { ... };
        transition select(intrinsic.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_frame;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.frame.packet_out);
        transition accept;
    }

    state parse_frame {
        frame_parser.apply(packet, hdr.frame, meta);
        transition accept;
    }
}

// Hands the verdict to egress.
control Bridge(inout ingress_headers_t hdr, in egress_verdict_t verdict) {
    apply {
        hdr.bridged.setValid();
        hdr.bridged.rewrite_mode = verdict.rewrite_mode;
        hdr.bridged.punt_reason = verdict.punt_reason;
        hdr.bridged.is_encapsulated = verdict.is_encapsulated;
        hdr.bridged.ingress_port = verdict.ingress_port;
        hdr.bridged.port_index = verdict.port_index;
        hdr.bridged.bridge_domain = verdict.bridge_domain;
        hdr.bridged.dst_mac = verdict.dst_mac;
        hdr.bridged.tunnel_src = verdict.tunnel_src;
        hdr.bridged.tunnel_dst = verdict.tunnel_dst;
        hdr.bridged.entropy = verdict.entropy;
    }
}

// Removes the underlay headers: egress parses the tenant's frame as if it had come in bare.
control Decapsulate(inout headers_t hdr) {
    apply {
        hdr.ethernet.setInvalid();
        hdr.ipv4.setInvalid();
        hdr.udp.setInvalid();
        hdr.vxlan.setInvalid();
    }
}

control SwitchIngress(
    inout ingress_headers_t hdr,
    inout metadata_t meta,
    in ingress_intrinsic_metadata_t intrinsic,
    in ingress_intrinsic_metadata_from_parser_t from_parser,
    inout ingress_intrinsic_metadata_for_deparser_t for_deparser,
    inout ingress_intrinsic_metadata_for_tm_t for_tm) {
    @name(".underlay_selector") @id(0x01)
    ActionProfile(SELECTOR_MEMBERS) underlay_profile;
    Hash<bit<16>>(HashAlgorithm_t.CRC16) selector_hash;
    @name(".underlay_groups")
    ActionSelector(underlay_profile, selector_hash, SelectorMode_t.FAIR, SELECTOR_GROUP_SIZE, SELECTOR_GROUPS)
        underlay_selector;

    IngressPipeline(underlay_selector) pipeline;
    Bridge() bridge_verdict;
    Decapsulate() decapsulate;

    apply {
        if (hdr.frame.packet_out.isValid()) {
            for_tm.ucast_egress_port = hdr.frame.packet_out.egress_port;
            for_tm.bypass_egress = 1;
            hdr.frame.packet_out.setInvalid();
        } else {
            meta.ingress_port = intrinsic.ingress_port;
            meta.now = (flow_time_t)intrinsic.ingress_mac_tstamp[47:30];
            if (from_parser.parser_err != PARSER_ERROR_OK) {
                meta.is_parser_error = 1;
            }
            pipeline.apply(hdr.frame, meta);
            if (meta.drop_reason != DROP_NONE) {
                for_deparser.drop_ctl = 1;
            } else {
                for_tm.ucast_egress_port = meta.egress.egress_port;
                bridge_verdict.apply(hdr, meta.egress);
                if (meta.is_terminated == 1) {
                    decapsulate.apply(hdr.frame);
                }
            }
        }
    }
}

control SwitchIngressDeparser(
    packet_out packet,
    inout ingress_headers_t hdr,
    in metadata_t meta,
    in ingress_intrinsic_metadata_for_deparser_t for_deparser) {
    apply {
        packet.emit(hdr.bridged);
        packet.emit(hdr.frame);
    }
}

// Ingress has checked the frame: what egress changes is all that it parses.
parser SwitchEgressParser(
    packet_in packet,
    out egress_headers_t hdr,
    out metadata_t meta,
    out egress_intrinsic_metadata_t intrinsic) {
    state start {
        packet.extract(intrinsic);
        packet.extract(hdr.bridged);
        meta = { ... };
        meta.egress.rewrite_mode = hdr.bridged.rewrite_mode;
        meta.egress.punt_reason = hdr.bridged.punt_reason;
        meta.egress.is_encapsulated = hdr.bridged.is_encapsulated;
        meta.egress.ingress_port = hdr.bridged.ingress_port;
        meta.egress.port_index = hdr.bridged.port_index;
        meta.egress.bridge_domain = hdr.bridged.bridge_domain;
        meta.egress.dst_mac = hdr.bridged.dst_mac;
        meta.egress.tunnel_src = hdr.bridged.tunnel_src;
        meta.egress.tunnel_dst = hdr.bridged.tunnel_dst;
        meta.egress.entropy = hdr.bridged.entropy;
        packet.extract(hdr.frame.ethernet);
        transition select(hdr.frame.ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_vlan;
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.frame.vlan);
        transition select(hdr.frame.vlan.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
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
}

control SwitchEgress(
    inout egress_headers_t hdr,
    inout metadata_t meta,
    in egress_intrinsic_metadata_t intrinsic,
    in egress_intrinsic_metadata_from_parser_t from_parser,
    inout egress_intrinsic_metadata_for_deparser_t for_deparser,
    inout egress_intrinsic_metadata_for_output_port_t for_output_port) {
    EgressPipeline() pipeline;

    apply {
        meta.egress.egress_port = intrinsic.egress_port;
        meta.frame_length = intrinsic.pkt_length - (BRIDGED_BYTES + FCS_BYTES);
        pipeline.apply(hdr.added, hdr.frame, meta);
        if (meta.drop_reason != DROP_NONE) {
            for_deparser.drop_ctl = 1;
        }
    }
}

control SwitchEgressDeparser(
    packet_out packet,
    inout egress_headers_t hdr,
    in metadata_t meta,
    in egress_intrinsic_metadata_for_deparser_t for_deparser) {
    Checksum() encap_checksum;

    apply {
        if (hdr.added.encap_ipv4.isValid()) {
            hdr.added.encap_ipv4.checksum = encap_checksum.update({
                hdr.added.encap_ipv4.version_ihl, hdr.added.encap_ipv4.tos, hdr.added.encap_ipv4.total_length,
                hdr.added.encap_ipv4.identification, hdr.added.encap_ipv4.flags, hdr.added.encap_ipv4.fragment_offset,
                hdr.added.encap_ipv4.ttl, hdr.added.encap_ipv4.protocol, hdr.added.encap_ipv4.src_addr,
                hdr.added.encap_ipv4.dst_addr
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
