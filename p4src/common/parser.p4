// SPDX-License-Identifier: Apache-2.0
// A frame, and the frame inside VXLAN. The parser cannot know whether a tunnel ends here, so it looks into every
// UDP datagram to port 4789; ingress uses what it finds only if the datagram is addressed to a VTEP of ours.
// `Ipv4Checksum` is the architecture's: it may verify the header while it is in the parser, or leave that for later.
//
//   ethernet -> vlan -> arp
//                    -> ipv4 -> tcp | icmp | udp -> vxlan -> inner_ethernet -> inner_vlan -> inner_arp
//                    -> ipv6 -> tcp | icmp | udp             (the same again: inner_ipv4, inner_ipv6 and their L4)
//
// An IPv4 header with options and a later fragment have no L4 header for us.
#ifndef COMMON_PARSER_P4
#define COMMON_PARSER_P4

#include "headers.p4"
#include "metadata.p4"

parser FrameParser(packet_in packet, out headers_t hdr, inout metadata_t meta) {
    Ipv4Checksum() ipv4_checksum;
    Ipv4Checksum() inner_ipv4_checksum;

    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_vlan;
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: parse_ipv6;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: parse_ipv6;
            default: accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        transition select(hdr.arp.hardware_type, hdr.arp.protocol_type) {
            (ARP_HARDWARE_ETHERNET, ETHER_TYPE_IPV4): check_arp_lengths;
            default: wrong_arp;
        }
    }

    state check_arp_lengths {
        transition select(hdr.arp.hardware_length, hdr.arp.protocol_length) {
            (ARP_HARDWARE_LENGTH, ARP_PROTOCOL_LENGTH): accept;
            default: wrong_arp;
        }
    }

    state wrong_arp {
        meta.is_wrong_arp = 1;
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        ipv4_checksum.apply(hdr.ipv4, meta.is_bad_checksum);
        transition select(hdr.ipv4.version_ihl, hdr.ipv4.fragment_offset, hdr.ipv4.protocol) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_ICMP): parse_icmp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_TCP):  parse_tcp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP):  parse_udp;
            default: accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        transition select(hdr.ipv6.next_header) {
            IP_PROTOCOL_ICMPV6: parse_icmp;
            IP_PROTOCOL_TCP:    parse_tcp;
            IP_PROTOCOL_UDP:    parse_udp;
            default: accept;
        }
    }

    state parse_icmp {
        packet.extract(hdr.icmp);
        transition select(hdr.icmp.type, hdr.icmp.code) {
            (ICMP_ECHO_REQUEST, 0): parse_icmp_echo;
            (ICMP_ECHO_REPLY, 0):   parse_icmp_echo;
            default: accept;
        }
    }

    state parse_icmp_echo {
        packet.extract(hdr.icmp_echo);
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.udp);
        transition select(hdr.udp.dst_port) {
            UDP_PORT_VXLAN: parse_vxlan;
            default: accept;
        }
    }

    state parse_vxlan {
        packet.extract(hdr.vxlan);
        packet.extract(hdr.inner_ethernet);
        transition select(hdr.inner_ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_inner_vlan;
            ETHER_TYPE_ARP:  parse_inner_arp;
            ETHER_TYPE_IPV4: parse_inner_ipv4;
            ETHER_TYPE_IPV6: parse_inner_ipv6;
            default: accept;
        }
    }

    state parse_inner_vlan {
        packet.extract(hdr.inner_vlan);
        transition accept;
    }

    state parse_inner_arp {
        packet.extract(hdr.inner_arp);
        transition select(hdr.inner_arp.hardware_type, hdr.inner_arp.protocol_type) {
            (ARP_HARDWARE_ETHERNET, ETHER_TYPE_IPV4): check_inner_arp_lengths;
            default: wrong_inner_arp;
        }
    }

    state check_inner_arp_lengths {
        transition select(hdr.inner_arp.hardware_length, hdr.inner_arp.protocol_length) {
            (ARP_HARDWARE_LENGTH, ARP_PROTOCOL_LENGTH): accept;
            default: wrong_inner_arp;
        }
    }

    state wrong_inner_arp {
        meta.is_wrong_arp = 1;
        transition accept;
    }

    state parse_inner_ipv4 {
        packet.extract(hdr.inner_ipv4);
        inner_ipv4_checksum.apply(hdr.inner_ipv4, meta.is_bad_inner_checksum);
        transition select(hdr.inner_ipv4.version_ihl, hdr.inner_ipv4.fragment_offset, hdr.inner_ipv4.protocol) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_ICMP): parse_inner_icmp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_TCP):  parse_inner_tcp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP):  parse_inner_udp;
            default: accept;
        }
    }

    state parse_inner_ipv6 {
        packet.extract(hdr.inner_ipv6);
        transition select(hdr.inner_ipv6.next_header) {
            IP_PROTOCOL_ICMPV6: parse_inner_icmp;
            IP_PROTOCOL_TCP:    parse_inner_tcp;
            IP_PROTOCOL_UDP:    parse_inner_udp;
            default: accept;
        }
    }

    state parse_inner_icmp {
        packet.extract(hdr.inner_icmp);
        transition select(hdr.inner_icmp.type, hdr.inner_icmp.code) {
            (ICMP_ECHO_REQUEST, 0): parse_inner_icmp_echo;
            (ICMP_ECHO_REPLY, 0):   parse_inner_icmp_echo;
            default: accept;
        }
    }

    state parse_inner_icmp_echo {
        packet.extract(hdr.inner_icmp_echo);
        transition accept;
    }

    state parse_inner_tcp {
        packet.extract(hdr.inner_tcp);
        transition accept;
    }

    state parse_inner_udp {
        packet.extract(hdr.inner_udp);
        transition accept;
    }
}

#endif
