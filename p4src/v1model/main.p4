// SPDX-License-Identifier: Apache-2.0
// The pipeline on v1model (BMv2, softswitch).
#include "arch.p4"
#include "../common/parser.p4"
#include "../common/ingress.p4"
#include "../common/egress.p4"

struct switch_headers_t {
    added_headers_t added;
    headers_t       frame;
}

parser SwitchParser(
    packet_in packet, out switch_headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    FrameParser() frame_parser;

    state start {
        transition select(standard_metadata.ingress_port) {
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

control SwitchVerifyChecksum(inout switch_headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

// Removes the underlay headers: egress sees the tenant's frame in the plain headers, wherever it came from.
control Decapsulate(inout headers_t hdr, inout metadata_t meta) {
    apply {
        hdr.ethernet = hdr.inner_ethernet;
        hdr.arp = hdr.inner_arp;
        hdr.ipv4 = hdr.inner_ipv4;
        hdr.ipv6 = hdr.inner_ipv6;
        hdr.tcp = hdr.inner_tcp;
        hdr.udp = hdr.inner_udp;
        hdr.icmp = hdr.inner_icmp;
        hdr.icmp_echo = hdr.inner_icmp_echo;
        hdr.vxlan.setInvalid();
        hdr.inner_ethernet.setInvalid();
        hdr.inner_arp.setInvalid();
        hdr.inner_ipv4.setInvalid();
        hdr.inner_ipv6.setInvalid();
        hdr.inner_tcp.setInvalid();
        hdr.inner_udp.setInvalid();
        hdr.inner_icmp.setInvalid();
        hdr.inner_icmp_echo.setInvalid();
        meta.frame_length = meta.frame_length - TUNNEL_BYTES;
    }
}

control SwitchIngress(inout switch_headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    @name(".underlay_selector") @id(0x01) @max_group_size(64)
    action_selector(HashAlgorithm.crc16, SELECTOR_MEMBERS, 32w16) underlay_selector;

    ChecksumVerify() checksum_verify;
    ChecksumVerify() inner_checksum_verify;
    IngressPipeline(underlay_selector) pipeline;
    Decapsulate() decapsulate;

    apply {
        if (standard_metadata.ingress_port == CPU_PORT) {
            if (hdr.frame.packet_out.isValid()) {
                standard_metadata.egress_spec = hdr.frame.packet_out.egress_port;
                hdr.frame.packet_out.setInvalid();
            } else {
                mark_to_drop(standard_metadata);
            }
        } else {
            meta.ingress_port = standard_metadata.ingress_port;
            meta.now = standard_metadata.ingress_global_timestamp[43:20];
            meta.frame_length = (bit<16>)standard_metadata.packet_length;
            if (standard_metadata.parser_error != error.NoError) {
                meta.is_parser_error = 1;
            }
            checksum_verify.apply(hdr.frame.ipv4, meta.is_bad_checksum);
            inner_checksum_verify.apply(hdr.frame.inner_ipv4, meta.is_bad_inner_checksum);
            pipeline.apply(hdr.frame, meta);
            if (meta.drop_reason != DROP_NONE) {
                mark_to_drop(standard_metadata);
            } else {
                standard_metadata.egress_spec = meta.egress.egress_port;
                if (meta.is_terminated == 1) {
                    decapsulate.apply(hdr.frame, meta);
                }
            }
        }
    }
}

control SwitchEgress(inout switch_headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    EgressPipeline() pipeline;

    apply {
        pipeline.apply(hdr.added, hdr.frame, meta);
        if (meta.drop_reason != DROP_NONE) {
            mark_to_drop(standard_metadata);
        }
    }
}

control SwitchComputeChecksum(inout switch_headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.added.encap_ipv4.isValid(), {
            hdr.added.encap_ipv4.version_ihl, hdr.added.encap_ipv4.tos, hdr.added.encap_ipv4.total_length,
            hdr.added.encap_ipv4.identification, hdr.added.encap_ipv4.flags, hdr.added.encap_ipv4.fragment_offset,
            hdr.added.encap_ipv4.ttl, hdr.added.encap_ipv4.protocol, hdr.added.encap_ipv4.src_addr,
            hdr.added.encap_ipv4.dst_addr
        }, hdr.added.encap_ipv4.checksum, HashAlgorithm.csum16);
    }
}

control SwitchDeparser(packet_out packet, in switch_headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(
    SwitchParser(),
    SwitchVerifyChecksum(),
    SwitchIngress(),
    SwitchEgress(),
    SwitchComputeChecksum(),
    SwitchDeparser()) main;
