// SPDX-License-Identifier: Apache-2.0
// The pipeline on v1model (BMv2, softswitch).
#include "arch.p4"
#include "../common/parser.p4"
#include "../common/ingress.p4"
#include "../common/egress.p4"

struct switch_headers_t {
    added_headers_t added;
    headers_t       received;
}

parser SwitchParser(
    packet_in packet, out switch_headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    TunnelParser() tunnel_parser;

    state start {
        transition select(standard_metadata.ingress_port) {
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

control SwitchVerifyChecksum(inout switch_headers_t hdr, inout metadata_t meta) {
    apply {
    }
}

// Removes the underlay headers: egress sees the tenant's frame, wherever it came from.
control Decapsulate(inout headers_t hdr, inout metadata_t meta) {
    apply {
        if (hdr.frame.ipv6.isValid()) {
            meta.frame_length = meta.frame_length - TUNNEL_V6_BYTES;
        } else {
            meta.frame_length = meta.frame_length - TUNNEL_V4_BYTES;
        }
        hdr.frame = hdr.inner;
        hdr.vxlan.setInvalid();
        hdr.inner.ethernet.setInvalid();
        hdr.inner.vlan.setInvalid();
        hdr.inner.arp.setInvalid();
        hdr.inner.ipv4.setInvalid();
        hdr.inner.ipv6.setInvalid();
        hdr.inner.ipv6_fragment.setInvalid();
        hdr.inner.tcp.setInvalid();
        hdr.inner.udp.setInvalid();
        hdr.inner.icmp.setInvalid();
        hdr.inner.icmp_echo.setInvalid();
        hdr.inner.neighbor.setInvalid();
        hdr.inner.link_layer_option.setInvalid();
    }
}

control SwitchIngress(inout switch_headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    @name(".tunnel_selector") @id(0x02) @max_group_size(64)
    action_selector(HashAlgorithm.crc16, TUNNEL_SELECTOR_MEMBERS, 32w16) tunnel_selector;
    @name(".underlay_selector_v4") @id(0x01) @max_group_size(64)
    action_selector(HashAlgorithm.crc16, UNDERLAY_SELECTOR_V4_MEMBERS, 32w16) underlay_selector_v4;
    @name(".underlay_selector_v6") @id(0x03) @max_group_size(64)
    action_selector(HashAlgorithm.crc16, UNDERLAY_SELECTOR_V6_MEMBERS, 32w16) underlay_selector_v6;

    ChecksumVerify() checksum_verify;
    ChecksumVerify() inner_checksum_verify;
    IngressPipeline(tunnel_selector, underlay_selector_v4, underlay_selector_v6) pipeline;
    Decapsulate() decapsulate;

    apply {
        if (standard_metadata.ingress_port == CPU_PORT) {
            if (hdr.received.packet_out.isValid()) {
                standard_metadata.egress_spec = hdr.received.packet_out.egress_port;
                hdr.received.packet_out.setInvalid();
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
            checksum_verify.apply(hdr.received.frame.ipv4, meta.datagram.is_bad_checksum);
            inner_checksum_verify.apply(hdr.received.inner.ipv4, meta.lkp.is_bad_checksum);
            if (meta.datagram.is_there == 0) {
                meta.lkp.is_bad_checksum = meta.datagram.is_bad_checksum;
            }
            pipeline.apply(hdr.received, meta);
            if (meta.is_trapped == 0 && meta.is_logged == 1 && meta.color == COLOR_GREEN) {
                meta.copy_session = meta.copy_session | COPY_TO_CONTROLLER;
            }
            if (meta.is_trapped == 0 && meta.copy_session != 0) {
                clone_preserving_field_list(CloneType.I2E, (bit<32>)meta.copy_session, COPY_FIELDS);
            }
            if (meta.is_trapped == 1
                || (meta.is_punted == 1 && meta.is_logged == 0 && meta.color == COLOR_GREEN)) {
                meta.drop_reason = DROP_NONE;
                meta.egress.rewrite_mode = REWRITE_PUNT;
                standard_metadata.egress_spec = CPU_PORT;
            } else if (meta.drop_reason != DROP_NONE) {
                mark_to_drop(standard_metadata);
            } else {
                if (meta.is_flooded == 1) {
                    standard_metadata.mcast_grp = meta.egress.port_index;
                } else {
                    standard_metadata.egress_spec = meta.egress.egress_port;
                }
                if (meta.is_terminated == 1) {
                    decapsulate.apply(hdr.received, meta);
                }
            }
        }
    }
}

// What to do with a copy. One that ingress has made is the frame as it was received; only the controller gets it with its tunnel.
control ReceiveCopy(inout headers_t hdr, inout metadata_t meta, in standard_metadata_t standard_metadata) {
    Decapsulate() decapsulate;

    apply {
        if (standard_metadata.egress_port == CPU_PORT) {
            meta.egress.rewrite_mode = REWRITE_PUNT;
        } else {
            meta.egress.rewrite_mode = REWRITE_MIRRORED;
            meta.egress.port_index = (port_index_t)standard_metadata.egress_rid;
            if (standard_metadata.instance_type == INGRESS_CLONE && meta.is_terminated == 1) {
                decapsulate.apply(hdr, meta);
            }
        }
    }
}

control SwitchEgress(inout switch_headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    ReceiveCopy() receive_copy;
    EgressPipeline() pipeline;

    apply {
        // Ingress has made its copies.
        meta.copy_session = 0;
        meta.is_logged = 0;
        meta.is_punted = 0;
        meta.color = COLOR_GREEN;
        // A copy knows by its number where it goes.
        if (meta.egress.rewrite_mode == REWRITE_FLOODED) {
            meta.egress.port_index = (port_index_t)standard_metadata.egress_rid;
        }
        if (standard_metadata.instance_type == INGRESS_CLONE || standard_metadata.instance_type == EGRESS_CLONE) {
            receive_copy.apply(hdr.received, meta, standard_metadata);
        }
        pipeline.apply(hdr.added, hdr.received.frame, meta, standard_metadata.egress_port, meta.now);
        if ((meta.is_punted == 1 || meta.is_logged == 1) && meta.color == COLOR_GREEN) {
            meta.copy_session = meta.copy_session | COPY_TO_CONTROLLER;
        }
        if (standard_metadata.instance_type == EGRESS_CLONE) {
            // One that egress has made is the frame as it left, without the tunnel that it left into.
            hdr.added.encap_ethernet.setInvalid();
            hdr.added.encap_ipv4.setInvalid();
            hdr.added.encap_ipv6.setInvalid();
            hdr.added.encap_udp.setInvalid();
            hdr.added.encap_vxlan.setInvalid();
        } else if (meta.copy_session != 0) {
            clone_preserving_field_list(CloneType.E2E, (bit<32>)meta.copy_session, COPY_FIELDS);
        }
        if (meta.drop_reason != DROP_NONE || meta.is_pruned == 1) {
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
        // RFC 4443 section 2.3: the pseudo-header, then the message.
        update_checksum(meta.egress.rewrite_mode == REWRITE_ND_REPLY, {
            hdr.received.frame.ipv6.src_addr, hdr.received.frame.ipv6.dst_addr, hdr.received.frame.ipv6.payload_length,
            8w0, hdr.received.frame.ipv6.next_header, hdr.received.frame.icmp.type, hdr.received.frame.icmp.code,
            hdr.received.frame.neighbor.flags, hdr.received.frame.neighbor.target,
            hdr.received.frame.link_layer_option.type, hdr.received.frame.link_layer_option.length,
            hdr.received.frame.link_layer_option.mac
        }, hdr.received.frame.icmp.checksum, HashAlgorithm.csum16);
        // RFC 8200 section 8.1: the pseudo-header, then the datagram. What is not there does not count.
        update_checksum_with_payload(meta.is_udp_checksum == 1, {
            hdr.added.encap_ipv6.src_addr, hdr.added.encap_ipv6.dst_addr, 16w0, hdr.added.encap_udp.length, 24w0,
            hdr.added.encap_ipv6.next_header, hdr.added.encap_udp.src_port, hdr.added.encap_udp.dst_port,
            hdr.added.encap_udp.length, hdr.added.encap_vxlan, hdr.received.frame.ethernet, hdr.received.frame.vlan,
            hdr.received.frame.arp, hdr.received.frame.ipv4, hdr.received.frame.ipv6, hdr.received.frame.ipv6_fragment,
            hdr.received.frame.tcp, hdr.received.frame.udp, hdr.received.frame.icmp, hdr.received.frame.icmp_echo,
            hdr.received.frame.neighbor, hdr.received.frame.link_layer_option
        }, hdr.added.encap_udp.checksum, HashAlgorithm.csum16);
        // 0 would say that there is none; the sum of nothing is the other zero.
        update_checksum(meta.is_udp_checksum == 1 && hdr.added.encap_udp.checksum == 0, {
            16w0
        }, hdr.added.encap_udp.checksum, HashAlgorithm.csum16);
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
