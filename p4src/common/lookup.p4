// SPDX-License-Identifier: Apache-2.0
// Fills the lookup fields from one frame: the inner one where a tunnel ended, else the frame itself. Lists and not chains of
// conditions, so that it is done in one stage of Tofino, whose conditions compare 32 bits at most.
#ifndef COMMON_LOOKUP_P4
#define COMMON_LOOKUP_P4

#include "headers.p4"
#include "metadata.p4"

control Lookup(in frame_headers_t hdr, in parsed_t parsed, inout lookup_t lkp) {
    @hidden
    action look_at_ethernet() {
        lkp.dst_mac = hdr.ethernet.dst_addr;
        lkp.src_mac = hdr.ethernet.src_addr;
        lkp.kind = parsed.kind;
        lkp.is_fragment = parsed.is_fragment;
        lkp.is_wrong_ip = parsed.is_wrong_ip;
        lkp.has_options = parsed.has_options;
        lkp.is_bad_checksum = parsed.is_bad_checksum;
        lkp.is_wrong_arp = parsed.is_wrong_arp;
        lkp.is_long_neighbor = parsed.is_long_neighbor;
        lkp.is_router_message = parsed.is_router_message;
    }

    @hidden
    action look_at_untagged() {
        look_at_ethernet();
        lkp.ether_type = hdr.ethernet.ether_type;
    }

    @hidden
    action look_at_tagged() {
        look_at_ethernet();
        lkp.ether_type = hdr.vlan.ether_type;
    }

    @hidden
    table ethernet_headers {
        key = {
            hdr.vlan.isValid() : exact;
        }
        actions = {
            look_at_untagged;
            look_at_tagged;
        }
        const entries = {
            (true) : look_at_tagged();
        }
        const default_action = look_at_untagged;
    }

    @hidden
    action look_at_ipv4() {
        lkp.ttl = hdr.ipv4.ttl;
        lkp.ip_protocol = hdr.ipv4.protocol;
        lkp.ip_length = hdr.ipv4.total_length;
        lkp.src[31:0] = hdr.ipv4.src_addr;
        lkp.dst[31:0] = hdr.ipv4.dst_addr;
    }

    @hidden
    action look_at_arp() {
        lkp.has_sender = 1;
        lkp.sender_mac = hdr.arp.sender_mac;
        lkp.src[31:0] = hdr.arp.sender_address;
        lkp.dst[31:0] = hdr.arp.target_address;
    }

    @hidden
    action look_at_arp_request() {
        look_at_arp();
        lkp.is_query = 1;
    }

    @hidden
    action look_at_rarp_request() {
        look_at_arp();
        lkp.is_announcement = 1;
    }

    @hidden
    action look_at_ipv6_header() {
        lkp.ttl = hdr.ipv6.hop_limit;
        lkp.ip_length = hdr.ipv6.payload_length |+| IPV6_BYTES;
    }

    @hidden
    action look_at_ipv6() {
        look_at_ipv6_header();
        lkp.ip_protocol = hdr.ipv6.next_header;
        lkp.src = hdr.ipv6.src_addr;
        lkp.dst = hdr.ipv6.dst_addr;
    }

    @hidden
    action look_at_router_query() {
        look_at_ipv6();
        lkp.is_neighbor = 1;
    }

    @hidden
    action look_at_ipv6_fragment() {
        look_at_ipv6_header();
        lkp.ip_protocol = hdr.ipv6_fragment.next_header;
        lkp.src = hdr.ipv6.src_addr;
        lkp.dst = hdr.ipv6.dst_addr;
    }

    @hidden
    action look_at_solicitation() {
        look_at_ipv6_header();
        lkp.ip_protocol = hdr.ipv6.next_header;
        lkp.is_neighbor = 1;
        lkp.is_query = 1;
        lkp.src = hdr.ipv6.src_addr;
        lkp.dst = hdr.neighbor.target;
    }

    // It goes nowhere, so what it says counts, and not where it says it comes from.
    @hidden
    action look_at_advertisement() {
        look_at_ipv6_header();
        lkp.ip_protocol = hdr.ipv6.next_header;
        lkp.is_neighbor = 1;
        lkp.is_announcement = 1;
        lkp.src = hdr.neighbor.target;
        lkp.dst = hdr.ipv6.dst_addr;
    }

    @hidden
    action look_at_option() {
        lkp.has_sender = 1;
        lkp.sender_mac = hdr.link_layer_option.mac;
    }

    @hidden
    action look_at_solicitation_with_option() {
        look_at_solicitation();
        look_at_option();
    }

    @hidden
    action look_at_advertisement_with_option() {
        look_at_advertisement();
        look_at_option();
    }

    @hidden
    table network_headers {
        key = {
            hdr.ipv4.isValid()              : ternary;
            hdr.arp.isValid()               : ternary;
            hdr.arp.operation               : ternary;
            hdr.ipv6.isValid()              : ternary;
            hdr.ipv6_fragment.isValid()     : ternary;
            hdr.neighbor.isValid()          : ternary;
            hdr.icmp.type                   : ternary;
            parsed.is_router_query          : ternary;
            hdr.link_layer_option.isValid() : ternary;
            hdr.link_layer_option.type      : ternary;
        }
        actions = {
            look_at_ipv4;
            look_at_arp;
            look_at_arp_request;
            look_at_rarp_request;
            look_at_ipv6;
            look_at_router_query;
            look_at_ipv6_fragment;
            look_at_solicitation;
            look_at_advertisement;
            look_at_solicitation_with_option;
            look_at_advertisement_with_option;
            NoAction;
        }
        const entries = {
            // ipv4 arp operation ipv6 fragment neighbor type router query option type
            // A nonce (RFC 3971, for enhanced duplicate address detection) has the same shape as an option that tells a MAC, and
            // says nothing.
            (true, _,    _,            _,    _,    _,    _, _, _, _) : look_at_ipv4();
            (_,    true, ARP_REQUEST,  _,    _,    _,    _, _, _, _) : look_at_arp_request();
            (_,    true, RARP_REQUEST, _,    _,    _,    _, _, _, _) : look_at_rarp_request();
            (_,    true, _,            _,    _,    _,    _, _, _, _) : look_at_arp();
            (_,    _,    _,            true, true, _,    _, _, _, _) : look_at_ipv6_fragment();
            (_,    _,    _,            true, _,    true, ICMPV6_NEIGHBOR_SOLICITATION, _, true, 0 &&& 0xfc)
                : look_at_solicitation_with_option();
            (_,    _,    _,            true, _,    true, ICMPV6_NEIGHBOR_SOLICITATION, _, _, _) : look_at_solicitation();
            (_,    _,    _,            true, _,    true, _, _, true, 0 &&& 0xfc) : look_at_advertisement_with_option();
            (_,    _,    _,            true, _,    true, _, _, _, _) : look_at_advertisement();
            (_,    _,    _,            true, _,    _,    _, 1, _, _) : look_at_router_query();
            (_,    _,    _,            true, _,    _,    _, _, _, _) : look_at_ipv6();
        }
        const default_action = NoAction;
    }

    @hidden
    action look_at_tcp() {
        lkp.has_l4 = 1;
        lkp.l4_src_port = hdr.tcp.src_port;
        lkp.l4_dst_port = hdr.tcp.dst_port;
    }

    @hidden
    action look_at_udp() {
        lkp.has_l4 = 1;
        lkp.l4_src_port = hdr.udp.src_port;
        lkp.l4_dst_port = hdr.udp.dst_port;
    }

    @hidden
    action look_at_icmp() {
        lkp.has_l4 = 1;
        lkp.l4_dst_port = hdr.icmp.type ++ hdr.icmp.code;
    }

    @hidden
    action look_at_echo() {
        look_at_icmp();
        lkp.is_echo = 1;
        lkp.l4_src_port = hdr.icmp_echo.identifier;
    }

    @hidden
    table transport_headers {
        key = {
            hdr.tcp.isValid()       : ternary;
            hdr.udp.isValid()       : ternary;
            hdr.icmp.isValid()      : ternary;
            hdr.icmp_echo.isValid() : ternary;
            hdr.icmp.type           : ternary;
            hdr.ipv4.isValid()      : ternary;
        }
        actions = {
            look_at_tcp;
            look_at_udp;
            look_at_icmp;
            look_at_echo;
            NoAction;
        }
        const entries = {
            (true, _,    _,    _,    _,             _)     : look_at_tcp();
            (_,    true, _,    _,    _,             _)     : look_at_udp();
            // ICMP has its echo at 8 and 0, ICMPv6 at 128 and 129; the parser may have seen either in either.
            (_,    _,    true, true, 0x00 &&& 0x80, true)  : look_at_echo();
            (_,    _,    true, true, 0x80 &&& 0x80, false) : look_at_echo();
            (_,    _,    true, _,    _,             _)     : look_at_icmp();
        }
        const default_action = NoAction;
    }

    apply {
        ethernet_headers.apply();
        network_headers.apply();
        transport_headers.apply();
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
