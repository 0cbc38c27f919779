// SPDX-License-Identifier: Apache-2.0
// Fills the lookup fields from the frame that is forwarded: the inner one where a tunnel ended, else the frame itself.
#ifndef COMMON_LOOKUP_P4
#define COMMON_LOOKUP_P4

#include "headers.p4"
#include "metadata.p4"

control Lookup(in headers_t hdr, inout metadata_t meta) {
    apply {
        if (meta.is_terminated == 1) {
            meta.lkp.dst_mac = hdr.inner_ethernet.dst_addr;
            meta.lkp.src_mac = hdr.inner_ethernet.src_addr;
            meta.lkp.ether_type = hdr.inner_ethernet.ether_type;
            if (hdr.inner_ipv4.isValid()) {
                meta.lkp.is_ipv4 = 1;
                meta.lkp.is_bad_checksum = meta.is_bad_inner_checksum;
                meta.lkp.version_ihl = hdr.inner_ipv4.version_ihl;
                meta.lkp.ttl = hdr.inner_ipv4.ttl;
                meta.lkp.ip_protocol = hdr.inner_ipv4.protocol;
                meta.lkp.src_address = hdr.inner_ipv4.src_addr;
                meta.lkp.dst_address = hdr.inner_ipv4.dst_addr;
                if (hdr.inner_ipv4.flags[0:0] == 1 || hdr.inner_ipv4.fragment_offset != 0) {
                    meta.lkp.is_fragment = 1;
                }
            } else if (hdr.inner_arp.isValid()) {
                meta.lkp.is_arp = 1;
                meta.lkp.sender_difference = hdr.inner_arp.sender_mac ^ hdr.inner_ethernet.src_addr;
                meta.lkp.src_address = hdr.inner_arp.sender_address;
                meta.lkp.dst_address = hdr.inner_arp.target_address;
                if (hdr.inner_arp.operation == ARP_REQUEST) {
                    meta.lkp.is_arp_request = 1;
                }
            }
            if (hdr.inner_tcp.isValid()) {
                meta.lkp.has_l4 = 1;
                meta.lkp.l4_src_port = hdr.inner_tcp.src_port;
                meta.lkp.l4_dst_port = hdr.inner_tcp.dst_port;
            } else if (hdr.inner_udp.isValid()) {
                meta.lkp.has_l4 = 1;
                meta.lkp.l4_src_port = hdr.inner_udp.src_port;
                meta.lkp.l4_dst_port = hdr.inner_udp.dst_port;
            } else if (hdr.inner_icmp.isValid()) {
                meta.lkp.has_l4 = 1;
                meta.lkp.l4_dst_port = hdr.inner_icmp.type ++ hdr.inner_icmp.code;
                if (hdr.inner_icmp_echo.isValid()) {
                    meta.lkp.is_echo = 1;
                    meta.lkp.echo_identifier = hdr.inner_icmp_echo.identifier;
                }
            }
        } else {
            meta.lkp.dst_mac = hdr.ethernet.dst_addr;
            meta.lkp.src_mac = hdr.ethernet.src_addr;
            meta.lkp.ether_type = meta.ether_type;
            if (hdr.ipv4.isValid()) {
                meta.lkp.is_ipv4 = 1;
                meta.lkp.is_bad_checksum = meta.is_bad_checksum;
                meta.lkp.version_ihl = hdr.ipv4.version_ihl;
                meta.lkp.ttl = hdr.ipv4.ttl;
                meta.lkp.ip_protocol = hdr.ipv4.protocol;
                meta.lkp.src_address = hdr.ipv4.src_addr;
                meta.lkp.dst_address = hdr.ipv4.dst_addr;
                if (hdr.ipv4.flags[0:0] == 1 || hdr.ipv4.fragment_offset != 0) {
                    meta.lkp.is_fragment = 1;
                }
            } else if (hdr.arp.isValid()) {
                meta.lkp.is_arp = 1;
                meta.lkp.sender_difference = hdr.arp.sender_mac ^ hdr.ethernet.src_addr;
                meta.lkp.src_address = hdr.arp.sender_address;
                meta.lkp.dst_address = hdr.arp.target_address;
                if (hdr.arp.operation == ARP_REQUEST) {
                    meta.lkp.is_arp_request = 1;
                }
            }
            if (hdr.tcp.isValid()) {
                meta.lkp.has_l4 = 1;
                meta.lkp.l4_src_port = hdr.tcp.src_port;
                meta.lkp.l4_dst_port = hdr.tcp.dst_port;
            } else if (hdr.udp.isValid()) {
                meta.lkp.has_l4 = 1;
                meta.lkp.l4_src_port = hdr.udp.src_port;
                meta.lkp.l4_dst_port = hdr.udp.dst_port;
            } else if (hdr.icmp.isValid()) {
                meta.lkp.has_l4 = 1;
                meta.lkp.l4_dst_port = hdr.icmp.type ++ hdr.icmp.code;
                if (hdr.icmp_echo.isValid()) {
                    meta.lkp.is_echo = 1;
                    meta.lkp.echo_identifier = hdr.icmp_echo.identifier;
                }
            }
        }
    }
}

#endif
