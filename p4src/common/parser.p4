// SPDX-License-Identifier: Apache-2.0
// A frame, the frame inside VXLAN, and what can be told from their headers alone.
// `Ipv4Checksum` is the architecture's: it may verify the header while it is in the parser, or leave that for later.
//
//   ethernet -> vlan -> arp (also RARP)
//                    -> ipv4 -> tcp | udp | icmp -> icmp_echo
//                    -> ipv6 -> [fragment] -> tcp | udp | icmp -> icmp_echo | neighbor -> link_layer_option
//
// An IPv4 header with options, an IPv6 extension header other than fragment, and a later fragment have no L4 header for
// us. What two parsers share is in parsers of its own; a state that decides whether to go deeper must be in each of them,
// because Tofino's parser cannot ask later what it has found.
#ifndef COMMON_PARSER_P4
#define COMMON_PARSER_P4

#include "headers.p4"
#include "metadata.p4"

parser ArpParser(packet_in packet, out arp_t arp, inout parsed_t parsed) {
    state start {
        packet.extract(arp);
        parsed.kind = FRAME_ARP;
        transition select(arp.hardware_type, arp.protocol_type) {
            (ARP_HARDWARE_ETHERNET, ETHER_TYPE_IPV4): check_lengths;
            default: wrong_arp;
        }
    }

    state check_lengths {
        transition select(arp.hardware_length, arp.protocol_length) {
            (ARP_HARDWARE_LENGTH, ARP_PROTOCOL_LENGTH): accept;
            default: wrong_arp;
        }
    }

    state wrong_arp {
        parsed.is_wrong_arp = 1;
        transition accept;
    }
}

// The header alone; whether an L4 header follows is for the caller to see.
parser Ipv4Parser(packet_in packet, out ipv4_t ipv4, inout parsed_t parsed) {
    Ipv4Checksum() ipv4_checksum;

    state start {
        packet.extract(ipv4);
        parsed.kind = FRAME_IPV4;
        ipv4_checksum.apply(ipv4, parsed.is_bad_checksum);
        transition select(ipv4.flags, ipv4.fragment_offset) {
            (0 &&& 1, 0): check_header;
            default: fragment;
        }
    }

    state fragment {
        parsed.is_fragment = 1;
        transition check_header;
    }

    state check_header {
        transition select(ipv4.version_ihl) {
            IPV4_VERSION_IHL: accept;
            0x46 &&& 0xfe: options; // header length 6 and 7
            0x48 &&& 0xf8: options; // 8 to 15
            default: wrong_ip;
        }
    }

    state options {
        // What the checksum was calculated over is not the whole header.
        parsed.has_options = 1;
        transition accept;
    }

    state wrong_ip {
        parsed.is_wrong_ip = 1;
        transition accept;
    }
}

// ICMP, and ICMPv6 in a fragment: there is no neighbour discovery in fragments (RFC 6980).
parser IcmpParser(packet_in packet, out icmp_t icmp, out icmp_echo_t icmp_echo) {
    state start {
        packet.extract(icmp);
        transition select(icmp.type, icmp.code) {
            (ICMP_ECHO_REQUEST, 0):   parse_echo;
            (ICMP_ECHO_REPLY, 0):     parse_echo;
            (ICMPV6_ECHO_REQUEST, 0): parse_echo;
            (ICMPV6_ECHO_REPLY, 0):   parse_echo;
            default: accept;
        }
    }

    state parse_echo {
        packet.extract(icmp_echo);
        transition accept;
    }
}

parser Icmpv6Parser(
    packet_in packet,
    in ipv6_t ipv6,
    out icmp_t icmp,
    out icmp_echo_t icmp_echo,
    out neighbor_t neighbor,
    out link_layer_option_t link_layer_option,
    inout parsed_t parsed) {
    state start {
        packet.extract(icmp);
        transition select(icmp.type, icmp.code) {
            (ICMPV6_ECHO_REQUEST, 0):           parse_echo;
            (ICMPV6_ECHO_REPLY, 0):             parse_echo;
            (ICMPV6_NEIGHBOR_SOLICITATION, 0):  parse_neighbor;
            (ICMPV6_NEIGHBOR_ADVERTISEMENT, 0): parse_neighbor;
            (ICMPV6_ROUTER_SOLICITATION, 0):    router_query;
            (ICMPV6_ROUTER_ADVERTISEMENT, _):   router_message;
            (ICMPV6_REDIRECT, _):               router_message;
            default: accept;
        }
    }

    state parse_echo {
        packet.extract(icmp_echo);
        transition accept;
    }

    state parse_neighbor {
        packet.extract(neighbor);
        transition select(ipv6.payload_length) {
            ND_BYTES: accept;
            ND_BYTES + ND_OPTION_BYTES: parse_option;
            default: long_neighbor;
        }
    }

    state parse_option {
        packet.extract(link_layer_option);
        transition accept;
    }

    state router_query {
        parsed.is_router_query = 1;
        transition accept;
    }

    state router_message {
        parsed.is_router_message = 1;
        transition accept;
    }

    state long_neighbor {
        parsed.is_long_neighbor = 1;
        transition accept;
    }
}

// One frame, and no deeper.
parser FrameParser(packet_in packet, out frame_headers_t hdr, inout parsed_t parsed) {
    ArpParser() arp_parser;
    Ipv4Parser() ipv4_parser;
    IcmpParser() icmp_parser;
    Icmpv6Parser() icmpv6_parser;

    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_vlan;
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: parse_ipv6;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: parse_ipv6;
            default: accept;
        }
    }

    state parse_arp {
        arp_parser.apply(packet, hdr.arp, parsed);
        transition accept;
    }

    state parse_ipv4 {
        ipv4_parser.apply(packet, hdr.ipv4, parsed);
        transition select(hdr.ipv4.version_ihl, hdr.ipv4.fragment_offset, hdr.ipv4.protocol) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_ICMP): parse_icmp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_TCP):  parse_tcp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP):  parse_udp;
            default: accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        parsed.kind = FRAME_IPV6;
        transition select(hdr.ipv6.version, hdr.ipv6.next_header) {
            (6, IP_PROTOCOL_ICMPV6):        parse_icmpv6;
            (6, IP_PROTOCOL_TCP):           parse_tcp;
            (6, IP_PROTOCOL_UDP):           parse_udp;
            (6, IP_PROTOCOL_IPV6_FRAGMENT): parse_ipv6_fragment;
            (6, _):                         accept;
            default: wrong_ip;
        }
    }

    state wrong_ip {
        parsed.is_wrong_ip = 1;
        transition accept;
    }

    state parse_ipv6_fragment {
        packet.extract(hdr.ipv6_fragment);
        parsed.is_fragment = 1;
        transition select(hdr.ipv6_fragment.fragment_offset, hdr.ipv6_fragment.next_header) {
            (0, IP_PROTOCOL_ICMPV6): parse_icmp;
            (0, IP_PROTOCOL_TCP):    parse_tcp;
            (0, IP_PROTOCOL_UDP):    parse_udp;
            default: accept;
        }
    }

    state parse_icmp {
        icmp_parser.apply(packet, hdr.icmp, hdr.icmp_echo);
        transition accept;
    }

    state parse_icmpv6 {
        icmpv6_parser.apply(
            packet, hdr.ipv6, hdr.icmp, hdr.icmp_echo, hdr.neighbor, hdr.link_layer_option, parsed);
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.udp);
        transition accept;
    }
}

// A frame, and the frame inside VXLAN. The parser cannot know whether a tunnel ends here, so it looks into every
// UDP datagram to port 4789; ingress uses what it finds only if the datagram is addressed to a VTEP of ours.
parser TunnelParser(packet_in packet, out headers_t hdr, inout parsed_t outer, inout parsed_t inner) {
    ArpParser() arp_parser;
    Ipv4Parser() ipv4_parser;
    IcmpParser() icmp_parser;
    Icmpv6Parser() icmpv6_parser;
    FrameParser() inner_parser;

    state start {
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
        arp_parser.apply(packet, hdr.frame.arp, outer);
        transition accept;
    }

    state parse_ipv4 {
        ipv4_parser.apply(packet, hdr.frame.ipv4, outer);
        transition select(hdr.frame.ipv4.version_ihl, hdr.frame.ipv4.fragment_offset, hdr.frame.ipv4.protocol) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_ICMP): parse_icmp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_TCP):  parse_tcp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP):  parse_udp;
            default: accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.frame.ipv6);
        outer.kind = FRAME_IPV6;
        transition select(hdr.frame.ipv6.version, hdr.frame.ipv6.next_header) {
            (6, IP_PROTOCOL_ICMPV6):        parse_icmpv6;
            (6, IP_PROTOCOL_TCP):           parse_tcp;
            (6, IP_PROTOCOL_UDP):           parse_udp;
            (6, IP_PROTOCOL_IPV6_FRAGMENT): parse_ipv6_fragment;
            (6, _):                         accept;
            default: wrong_ip;
        }
    }

    state wrong_ip {
        outer.is_wrong_ip = 1;
        transition accept;
    }

    state parse_ipv6_fragment {
        packet.extract(hdr.frame.ipv6_fragment);
        outer.is_fragment = 1;
        transition select(hdr.frame.ipv6_fragment.fragment_offset, hdr.frame.ipv6_fragment.next_header) {
            (0, IP_PROTOCOL_ICMPV6): parse_icmp;
            (0, IP_PROTOCOL_TCP):    parse_tcp;
            (0, IP_PROTOCOL_UDP):    parse_udp;
            default: accept;
        }
    }

    state parse_icmp {
        icmp_parser.apply(packet, hdr.frame.icmp, hdr.frame.icmp_echo);
        transition accept;
    }

    state parse_icmpv6 {
        icmpv6_parser.apply(
            packet, hdr.frame.ipv6, hdr.frame.icmp, hdr.frame.icmp_echo, hdr.frame.neighbor, hdr.frame.link_layer_option, outer);
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.frame.tcp);
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.frame.udp);
        transition select(hdr.frame.udp.dst_port) {
            UDP_PORT_VXLAN: parse_vxlan;
            default: accept;
        }
    }

    state parse_vxlan {
        packet.extract(hdr.vxlan);
        inner_parser.apply(packet, hdr.inner, inner);
        transition accept;
    }
}

#endif
