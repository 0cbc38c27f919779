// SPDX-License-Identifier: Apache-2.0
// Fills the lookup fields from one frame: the inner one where a tunnel ended, else the frame itself.
#ifndef COMMON_LOOKUP_P4
#define COMMON_LOOKUP_P4

#include "headers.p4"
#include "metadata.p4"

control Lookup(in frame_headers_t hdr, in parsed_t parsed, inout lookup_t lkp) {
    apply {
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
        if (hdr.vlan.isValid()) {
            lkp.ether_type = hdr.vlan.ether_type;
        } else {
            lkp.ether_type = hdr.ethernet.ether_type;
        }
        if (hdr.ipv4.isValid()) {
            lkp.ttl = hdr.ipv4.ttl;
            lkp.ip_protocol = hdr.ipv4.protocol;
            lkp.ip_length = hdr.ipv4.total_length;
            lkp.src_v4 = hdr.ipv4.src_addr;
            lkp.dst_v4 = hdr.ipv4.dst_addr;
        } else if (hdr.arp.isValid()) {
            lkp.sender_difference = hdr.arp.sender_mac ^ hdr.ethernet.src_addr;
            lkp.target_difference = hdr.arp.sender_address ^ hdr.arp.target_address;
            lkp.src_v4 = hdr.arp.sender_address;
            lkp.dst_v4 = hdr.arp.target_address;
            if (hdr.arp.operation == ARP_REQUEST) {
                lkp.is_query = 1;
            } else if (hdr.arp.operation == RARP_REQUEST) {
                lkp.is_announcement = 1;
            }
        } else if (hdr.ipv6.isValid()) {
            lkp.ttl = hdr.ipv6.hop_limit;
            lkp.ip_length = hdr.ipv6.payload_length |+| IPV6_BYTES;
            if (hdr.ipv6_fragment.isValid()) {
                lkp.ip_protocol = hdr.ipv6_fragment.next_header;
            } else {
                lkp.ip_protocol = hdr.ipv6.next_header;
            }
            if (!hdr.neighbor.isValid()) {
                lkp.src_v6 = hdr.ipv6.src_addr;
                lkp.dst_v6 = hdr.ipv6.dst_addr;
                lkp.is_neighbor = parsed.is_router_query;
            } else {
                lkp.is_neighbor = 1;
                if (hdr.icmp.type == ICMPV6_NEIGHBOR_SOLICITATION) {
                    lkp.is_query = 1;
                    lkp.src_v6 = hdr.ipv6.src_addr;
                    lkp.dst_v6 = hdr.neighbor.target;
                } else {
                    // It goes nowhere, so what it says counts, and not where it says it comes from.
                    lkp.is_announcement = 1;
                    lkp.src_v6 = hdr.neighbor.target;
                    lkp.dst_v6 = hdr.ipv6.dst_addr;
                }
                // A nonce (RFC 3971, for enhanced duplicate address detection) has the same shape and says nothing.
                if (hdr.link_layer_option.isValid() && hdr.link_layer_option.type[7:2] == 0) {
                    lkp.sender_difference = hdr.link_layer_option.mac ^ hdr.ethernet.src_addr;
                }
            }
        }
        if (hdr.tcp.isValid()) {
            lkp.has_l4 = 1;
            lkp.l4_src_port = hdr.tcp.src_port;
            lkp.l4_dst_port = hdr.tcp.dst_port;
        } else if (hdr.udp.isValid()) {
            lkp.has_l4 = 1;
            lkp.l4_src_port = hdr.udp.src_port;
            lkp.l4_dst_port = hdr.udp.dst_port;
        } else if (hdr.icmp.isValid()) {
            lkp.has_l4 = 1;
            lkp.l4_dst_port = hdr.icmp.type ++ hdr.icmp.code;
            // ICMP has its echo at 8 and 0, ICMPv6 at 128 and 129; the parser may have seen either in either.
            if (hdr.icmp_echo.isValid() && ((hdr.icmp.type[7:7] == 0 && hdr.ipv4.isValid())
                || (hdr.icmp.type[7:7] == 1 && hdr.ipv6.isValid()))) {
                lkp.is_echo = 1;
                lkp.l4_src_port = hdr.icmp_echo.identifier;
            }
        }
    }
}

#endif
