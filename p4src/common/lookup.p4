// SPDX-License-Identifier: Apache-2.0
// Completes the lookup fields. The parser has filled them from the frame inside VXLAN, if there is one, else from the frame itself,
// but not from a UDP datagram, which might have been a tunnel: one that does not end here is looked at as it is. One list, so that it
// is done in one stage of Tofino.
#ifndef COMMON_LOOKUP_P4
#define COMMON_LOOKUP_P4

#include "headers.p4"
#include "metadata.p4"

control Lookup(in headers_t hdr, inout metadata_t meta) {
    @hidden
    action look_inside() {
        meta.lkp.dst_mac = hdr.inner.ethernet.dst_addr;
        meta.lkp.src_mac = hdr.inner.ethernet.src_addr;
    }

    @hidden
    action look_at_frame() {
        meta.lkp.dst_mac = hdr.frame.ethernet.dst_addr;
        meta.lkp.src_mac = hdr.frame.ethernet.src_addr;
    }

    @hidden
    action ask_for_target() {
        meta.lkp.dst = meta.lkp.target;
    }

    // It goes nowhere, so what it says counts, and not where it says it comes from.
    @hidden
    action speak_for_target() {
        meta.lkp.src = meta.lkp.target;
    }

    @hidden
    action look_inside_solicitation() {
        look_inside();
        ask_for_target();
    }

    @hidden
    action look_inside_advertisement() {
        look_inside();
        speak_for_target();
    }

    @hidden
    action look_at_solicitation() {
        look_at_frame();
        ask_for_target();
    }

    @hidden
    action look_at_advertisement() {
        look_at_frame();
        speak_for_target();
    }

    // Nothing stays of what the parser may have found inside.
    @hidden
    action look_at_datagram() {
        look_at_frame();
        meta.lkp.is_wrong_ip = 0;
        meta.lkp.has_options = 0;
        meta.lkp.is_wrong_arp = 0;
        meta.lkp.is_neighbor = 0;
        meta.lkp.is_fragment = 0;
        meta.lkp.is_query = 0;
        meta.lkp.is_announcement = 0;
        meta.lkp.is_router_message = 0;
        meta.lkp.is_long_neighbor = 0;
        meta.lkp.has_sender = 0;
        meta.lkp.is_echo = 0;
        meta.lkp.has_l4 = 1;
        meta.lkp.is_bad_checksum = meta.datagram.is_bad_checksum;
        meta.lkp.ip_protocol = IP_PROTOCOL_UDP;
        meta.lkp.l4_src_port = hdr.frame.udp.src_port;
        meta.lkp.l4_dst_port = hdr.frame.udp.dst_port;
    }

    @hidden
    action look_at_datagram_v4() {
        look_at_datagram();
        meta.lkp.kind = FRAME_IPV4;
        meta.lkp.ttl = hdr.frame.ipv4.ttl;
        meta.lkp.ip_length = hdr.frame.ipv4.total_length;
        meta.lkp.src[127:32] = 0;
        meta.lkp.dst[127:32] = 0;
        meta.lkp.src[31:0] = hdr.frame.ipv4.src_addr;
        meta.lkp.dst[31:0] = hdr.frame.ipv4.dst_addr;
    }

    @hidden
    action look_at_datagram_v6() {
        look_at_datagram();
        meta.lkp.kind = FRAME_IPV6;
        meta.lkp.ttl = hdr.frame.ipv6.hop_limit;
        meta.lkp.ip_length = hdr.frame.ipv6.payload_length;
        meta.lkp.src = hdr.frame.ipv6.src_addr;
        meta.lkp.dst = hdr.frame.ipv6.dst_addr;
    }

    @hidden
    table lookup_fields {
        key = {
            meta.is_fabric            : ternary;
            meta.is_local_vtep        : ternary;
            hdr.vxlan.isValid()       : ternary;
            meta.datagram.is_there    : ternary;
            hdr.frame.ipv6.isValid()  : ternary;
            meta.lkp.is_neighbor      : ternary;
            meta.lkp.is_query         : ternary;
            meta.lkp.is_announcement  : ternary;
        }
        actions = {
            look_inside;
            look_inside_solicitation;
            look_inside_advertisement;
            look_at_frame;
            look_at_solicitation;
            look_at_advertisement;
            look_at_datagram_v4;
            look_at_datagram_v6;
        }
        const entries = {
            // fabric local vxlan datagram ipv6 neighbor query announcement
            (1, 1, true, _, _,     1, 1, _) : look_inside_solicitation();
            (1, 1, true, _, _,     1, _, 1) : look_inside_advertisement();
            (1, 1, true, _, _,     _, _, _) : look_inside();
            (_, _, _,    1, true,  _, _, _) : look_at_datagram_v6();
            (_, _, _,    1, _,     _, _, _) : look_at_datagram_v4();
            (_, _, _,    _, _,     1, 1, _) : look_at_solicitation();
            (_, _, _,    _, _,     1, _, 1) : look_at_advertisement();
        }
        const default_action = look_at_frame;
    }

    @hidden
    action count_header() {
        meta.lkp.ip_length = meta.lkp.ip_length |+| IPV6_BYTES;
    }

    apply {
        lookup_fields.apply();
        if (meta.lkp.kind == FRAME_IPV6) {
            count_header();
        }
    }
}

// Who ARP and neighbour discovery say that the sender is.
control CompareSender(inout lookup_t lkp) {
    apply {
        if (lkp.kind == FRAME_ARP && lkp.src[31:0] == lkp.dst[31:0]) {
            lkp.is_gratuitous = 1;
        }
        if (lkp.has_sender == 1 && lkp.sender_mac[47:32] != lkp.src_mac[47:32]) {
            lkp.is_wrong_sender = 1;
        } else if (lkp.has_sender == 1 && lkp.sender_mac[31:0] != lkp.src_mac[31:0]) {
            lkp.is_wrong_sender = 1;
        }
    }
}

#endif
