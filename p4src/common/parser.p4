// SPDX-License-Identifier: Apache-2.0
// A frame, the frame inside VXLAN, and the lookup fields of the one that is looked at: of the frame inside, if there is one, else of
// the frame itself. The parser writes a lookup field once, because Tofino's could not write it again. So of a UDP datagram, which may
// be a tunnel, it writes none before it has seen what is inside, and `Lookup` does it where no tunnel ends.
// `Ipv4Checksum` is the architecture's: it may verify the header while it is in the parser, or leave that for later.
//
//   ethernet -> vlan -> arp (also RARP)
//                    -> ipv4 -> tcp | udp | icmp -> icmp_echo
//                    -> ipv6 -> [fragment] -> tcp | udp | icmp -> icmp_echo | neighbor -> link_layer_option
//
// An IPv4 header with options, an IPv6 extension header other than fragment, and a later fragment have no L4 header for
// us. What two parsers share is in parsers of its own; a state that decides whether to go deeper must be in each of them,
// because Tofino's parser cannot ask later what it has found. It remembers four bytes to compare, so a state looks ahead rather than back
// where the way is long.
#ifndef COMMON_PARSER_P4
#define COMMON_PARSER_P4

#include "headers.p4"
#include "metadata.p4"

parser ArpParser(packet_in packet, out arp_t arp, inout lookup_t lkp) {
    // Looked at before it is taken, as much at a time as Tofino's parser can compare.
    state start {
        bit<32> peeked = packet.lookahead<bit<32>>();
        transition select(peeked[31:16], peeked[15:0]) {
            (ARP_HARDWARE_ETHERNET, ETHER_TYPE_IPV4): peek_operation;
            default: wrong_arp;
        }
    }

    state peek_operation {
        bit<64> peeked = packet.lookahead<bit<64>>();
        transition select(peeked[31:24], peeked[23:16], peeked[15:0]) {
            (ARP_HARDWARE_LENGTH, ARP_PROTOCOL_LENGTH, ARP_REQUEST):  request;
            (ARP_HARDWARE_LENGTH, ARP_PROTOCOL_LENGTH, RARP_REQUEST): announcement;
            (ARP_HARDWARE_LENGTH, ARP_PROTOCOL_LENGTH, _):            parse_arp;
            default: wrong_arp;
        }
    }

    state request {
        lkp.is_query = 1;
        transition parse_arp;
    }

    state announcement {
        lkp.is_announcement = 1;
        transition parse_arp;
    }

    state wrong_arp {
        lkp.is_wrong_arp = 1;
        transition parse_arp;
    }

    state parse_arp {
        packet.extract(arp);
        lkp.kind = FRAME_ARP;
        lkp.has_sender = 1;
        lkp.sender_mac = arp.sender_mac;
        lkp.src[31:0] = arp.sender_address;
        lkp.dst[31:0] = arp.target_address;
        transition accept;
    }
}

// The header alone; whether an L4 header follows is for the caller to see.
parser Ipv4Parser(packet_in packet, out ipv4_t ipv4, inout lookup_t lkp) {
    Ipv4Checksum() ipv4_checksum;

    state start {
        packet.extract(ipv4);
        lkp.kind = FRAME_IPV4;
        lkp.ttl = ipv4.ttl;
        lkp.ip_protocol = ipv4.protocol;
        lkp.ip_length = ipv4.total_length;
        lkp.src[31:0] = ipv4.src_addr;
        lkp.dst[31:0] = ipv4.dst_addr;
        ipv4_checksum.apply(ipv4, lkp.is_bad_checksum);
        transition select(ipv4.flags, ipv4.fragment_offset) {
            (0 &&& 1, 0): check_header;
            default: fragment;
        }
    }

    state fragment {
        lkp.is_fragment = 1;
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
        lkp.has_options = 1;
        transition accept;
    }

    state wrong_ip {
        lkp.is_wrong_ip = 1;
        transition accept;
    }
}

// The header alone, of a packet that is not a fragment. What follows, and whether it is IPv6 at all, is for the caller to see.
parser Ipv6Parser(packet_in packet, out ipv6_t ipv6, inout lookup_t lkp) {
    state start {
        packet.extract(ipv6);
        lkp.kind = FRAME_IPV6;
        lkp.ttl = ipv6.hop_limit;
        lkp.ip_protocol = ipv6.next_header;
        lkp.ip_length = ipv6.payload_length;
        lkp.src = ipv6.src_addr;
        lkp.dst = ipv6.dst_addr;
        transition accept;
    }
}

// Both headers of a fragment.
parser Ipv6FragmentParser(packet_in packet, out ipv6_t ipv6, out ipv6_fragment_t ipv6_fragment, inout lookup_t lkp) {
    state start {
        packet.extract(ipv6);
        packet.extract(ipv6_fragment);
        lkp.kind = FRAME_IPV6;
        lkp.is_fragment = 1;
        lkp.ttl = ipv6.hop_limit;
        lkp.ip_protocol = ipv6_fragment.next_header;
        lkp.ip_length = ipv6.payload_length;
        lkp.src = ipv6.src_addr;
        lkp.dst = ipv6.dst_addr;
        transition accept;
    }
}

parser TcpParser(packet_in packet, out tcp_t tcp, inout lookup_t lkp) {
    state start {
        packet.extract(tcp);
        lkp.has_l4 = 1;
        lkp.l4_src_port = tcp.src_port;
        lkp.l4_dst_port = tcp.dst_port;
        transition accept;
    }
}

parser UdpParser(packet_in packet, out udp_t udp, inout lookup_t lkp) {
    state start {
        packet.extract(udp);
        lkp.has_l4 = 1;
        lkp.l4_src_port = udp.src_port;
        lkp.l4_dst_port = udp.dst_port;
        transition accept;
    }
}

// ICMP has its echo at 8 and 0.
parser IcmpParser(packet_in packet, out icmp_t icmp, out icmp_echo_t icmp_echo, inout lookup_t lkp) {
    state start {
        lkp.l4_dst_port = packet.lookahead<bit<16>>();
        packet.extract(icmp);
        lkp.has_l4 = 1;
        transition select(icmp.type, icmp.code) {
            (ICMP_ECHO_REQUEST, 0): parse_echo;
            (ICMP_ECHO_REPLY, 0):   parse_echo;
            default: accept;
        }
    }

    state parse_echo {
        packet.extract(icmp_echo);
        lkp.is_echo = 1;
        lkp.l4_src_port = icmp_echo.identifier;
        transition accept;
    }
}

// ICMPv6 in a fragment: there is no neighbour discovery in fragments (RFC 6980).
parser Icmpv6FragmentParser(packet_in packet, out icmp_t icmp, out icmp_echo_t icmp_echo, inout lookup_t lkp) {
    state start {
        lkp.l4_dst_port = packet.lookahead<bit<16>>();
        packet.extract(icmp);
        lkp.has_l4 = 1;
        transition select(icmp.type, icmp.code) {
            (ICMPV6_ECHO_REQUEST, 0): parse_echo;
            (ICMPV6_ECHO_REPLY, 0):   parse_echo;
            default: accept;
        }
    }

    state parse_echo {
        packet.extract(icmp_echo);
        lkp.is_echo = 1;
        lkp.l4_src_port = icmp_echo.identifier;
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
    inout lookup_t lkp) {
    state start {
        lkp.l4_dst_port = packet.lookahead<bit<16>>();
        packet.extract(icmp);
        lkp.has_l4 = 1;
        transition select(icmp.type, icmp.code) {
            (ICMPV6_ECHO_REQUEST, 0):           parse_echo;
            (ICMPV6_ECHO_REPLY, 0):             parse_echo;
            (ICMPV6_NEIGHBOR_SOLICITATION, 0):  parse_solicitation;
            (ICMPV6_NEIGHBOR_ADVERTISEMENT, 0): parse_advertisement;
            (ICMPV6_ROUTER_SOLICITATION, 0):    router_query;
            (ICMPV6_ROUTER_ADVERTISEMENT, _):   router_message;
            (ICMPV6_REDIRECT, _):               router_message;
            default: accept;
        }
    }

    state parse_echo {
        packet.extract(icmp_echo);
        lkp.is_echo = 1;
        lkp.l4_src_port = icmp_echo.identifier;
        transition accept;
    }

    state parse_solicitation {
        lkp.is_query = 1;
        transition parse_neighbor;
    }

    state parse_advertisement {
        lkp.is_announcement = 1;
        transition parse_neighbor;
    }

    state parse_neighbor {
        packet.extract(neighbor);
        lkp.is_neighbor = 1;
        lkp.target = neighbor.target;
        transition select(ipv6.payload_length) {
            ND_BYTES: accept;
            ND_BYTES + ND_OPTION_BYTES: parse_option;
            default: long_neighbor;
        }
    }

    state parse_option {
        packet.extract(link_layer_option);
        transition select(link_layer_option.type) {
            // A nonce (RFC 3971, for enhanced duplicate address detection) has the same shape, and says nothing.
            0 &&& 0xfc: sender;
            default: accept;
        }
    }

    state sender {
        lkp.has_sender = 1;
        lkp.sender_mac = link_layer_option.mac;
        transition accept;
    }

    state router_query {
        lkp.is_neighbor = 1;
        transition accept;
    }

    state router_message {
        lkp.is_router_message = 1;
        transition accept;
    }

    state long_neighbor {
        lkp.is_long_neighbor = 1;
        transition accept;
    }
}

// One frame, and no deeper.
parser FrameParser(packet_in packet, out frame_headers_t hdr, inout lookup_t lkp) {
    ArpParser() arp_parser;
    Ipv4Parser() ipv4_parser;
    Ipv6Parser() ipv6_parser;
    Ipv6Parser() wrong_ipv6_parser;
    Ipv6Parser() icmpv6_packet_parser;
    Ipv6FragmentParser() ipv6_fragment_parser;
    TcpParser() tcp_parser;
    UdpParser() udp_parser;
    IcmpParser() icmp_parser;
    Icmpv6Parser() icmpv6_parser;
    Icmpv6FragmentParser() icmpv6_fragment_parser;

    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHER_TYPE_VLAN: parse_vlan;
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: peek_ipv6;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: parse_ipv4;
            ETHER_TYPE_IPV6: peek_ipv6;
            default: accept;
        }
    }

    state parse_arp {
        arp_parser.apply(packet, hdr.arp, lkp);
        transition accept;
    }

    state parse_ipv4 {
        ipv4_parser.apply(packet, hdr.ipv4, lkp);
        transition select(hdr.ipv4.version_ihl, hdr.ipv4.fragment_offset, hdr.ipv4.protocol) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_ICMP): parse_icmp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_TCP):  parse_tcp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP):  parse_udp;
            default: accept;
        }
    }

    // Version and next header.
    state peek_ipv6 {
        bit<56> peeked = packet.lookahead<bit<56>>();
        transition select(peeked[55:52], peeked[7:0]) {
            (6, IP_PROTOCOL_ICMPV6):        parse_icmpv6;
            (6, IP_PROTOCOL_IPV6_FRAGMENT): parse_ipv6_fragment;
            (6, _):                         parse_ipv6;
            default: wrong_ipv6;
        }
    }

    state parse_ipv6 {
        ipv6_parser.apply(packet, hdr.ipv6, lkp);
        transition select(hdr.ipv6.next_header) {
            IP_PROTOCOL_TCP: parse_tcp;
            IP_PROTOCOL_UDP: parse_udp;
            default: accept;
        }
    }

    state wrong_ipv6 {
        wrong_ipv6_parser.apply(packet, hdr.ipv6, lkp);
        lkp.is_wrong_ip = 1;
        transition accept;
    }

    state parse_ipv6_fragment {
        ipv6_fragment_parser.apply(packet, hdr.ipv6, hdr.ipv6_fragment, lkp);
        transition select(hdr.ipv6_fragment.fragment_offset, hdr.ipv6_fragment.next_header) {
            (0, IP_PROTOCOL_ICMPV6): parse_icmpv6_fragment;
            (0, IP_PROTOCOL_TCP):    parse_tcp;
            (0, IP_PROTOCOL_UDP):    parse_udp;
            default: accept;
        }
    }

    state parse_icmp {
        icmp_parser.apply(packet, hdr.icmp, hdr.icmp_echo, lkp);
        transition accept;
    }

    state parse_icmpv6 {
        icmpv6_packet_parser.apply(packet, hdr.ipv6, lkp);
        icmpv6_parser.apply(packet, hdr.ipv6, hdr.icmp, hdr.icmp_echo, hdr.neighbor, hdr.link_layer_option, lkp);
        transition accept;
    }

    state parse_icmpv6_fragment {
        icmpv6_fragment_parser.apply(packet, hdr.icmp, hdr.icmp_echo, lkp);
        transition accept;
    }

    state parse_tcp {
        tcp_parser.apply(packet, hdr.tcp, lkp);
        transition accept;
    }

    state parse_udp {
        udp_parser.apply(packet, hdr.udp, lkp);
        transition accept;
    }
}

// A frame, and the frame inside VXLAN. The parser cannot know whether a tunnel ends here, so it looks into every UDP datagram to
// port 4789 that is no fragment; ingress uses what it finds only if the datagram is addressed to a VTEP of ours.
parser TunnelParser(packet_in packet, out headers_t hdr, inout datagram_t datagram, inout lookup_t lkp) {
    ArpParser() arp_parser;
    Ipv4Parser() ipv4_parser;
    Ipv4Checksum() datagram_checksum;
    Ipv6Parser() ipv6_parser;
    Ipv6Parser() wrong_ipv6_parser;
    Ipv6Parser() icmpv6_packet_parser;
    Ipv6FragmentParser() ipv6_fragment_parser;
    TcpParser() tcp_parser;
    UdpParser() udp_parser;
    IcmpParser() icmp_parser;
    Icmpv6Parser() icmpv6_parser;
    Icmpv6FragmentParser() icmpv6_fragment_parser;
    FrameParser() inner_parser;

    state start {
        bit<112> peeked = packet.lookahead<bit<112>>();
        transition select(peeked[15:0]) {
            ETHER_TYPE_VLAN: parse_vlan;
            default: parse_ethernet;
        }
    }

    state parse_ethernet {
        packet.extract(hdr.frame.ethernet);
        lkp.ether_type = hdr.frame.ethernet.ether_type;
        transition select(hdr.frame.ethernet.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: peek_ipv4;
            ETHER_TYPE_IPV6: peek_ipv6;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.frame.ethernet);
        packet.extract(hdr.frame.vlan);
        lkp.ether_type = hdr.frame.vlan.ether_type;
        transition select(hdr.frame.vlan.ether_type) {
            ETHER_TYPE_ARP:  parse_arp;
            ETHER_TYPE_RARP: parse_arp;
            ETHER_TYPE_IPV4: peek_ipv4;
            ETHER_TYPE_IPV6: peek_ipv6;
            default: accept;
        }
    }

    state parse_arp {
        arp_parser.apply(packet, hdr.frame.arp, lkp);
        transition accept;
    }

    // Version and header length, whether it is a fragment, protocol.
    state peek_ipv4 {
        bit<80> peeked = packet.lookahead<bit<80>>();
        transition select(peeked[79:72], peeked[29:16], peeked[7:0]) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP): parse_datagram_v4;
            default: parse_ipv4;
        }
    }

    state parse_ipv4 {
        ipv4_parser.apply(packet, hdr.frame.ipv4, lkp);
        transition select(hdr.frame.ipv4.version_ihl, hdr.frame.ipv4.fragment_offset, hdr.frame.ipv4.protocol) {
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_ICMP): parse_icmp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_TCP):  parse_tcp;
            (IPV4_VERSION_IHL, 0, IP_PROTOCOL_UDP):  parse_fragmented_udp;
            default: accept;
        }
    }

    // Version and next header.
    state peek_ipv6 {
        bit<56> peeked = packet.lookahead<bit<56>>();
        transition select(peeked[55:52], peeked[7:0]) {
            (6, IP_PROTOCOL_UDP):           parse_datagram_v6;
            (6, IP_PROTOCOL_ICMPV6):        parse_icmpv6;
            (6, IP_PROTOCOL_IPV6_FRAGMENT): parse_ipv6_fragment;
            (6, _):                         parse_ipv6;
            default: wrong_ipv6;
        }
    }

    state parse_ipv6 {
        ipv6_parser.apply(packet, hdr.frame.ipv6, lkp);
        transition select(hdr.frame.ipv6.next_header) {
            IP_PROTOCOL_TCP: parse_tcp;
            default: accept;
        }
    }

    state wrong_ipv6 {
        wrong_ipv6_parser.apply(packet, hdr.frame.ipv6, lkp);
        lkp.is_wrong_ip = 1;
        transition accept;
    }

    state parse_ipv6_fragment {
        ipv6_fragment_parser.apply(packet, hdr.frame.ipv6, hdr.frame.ipv6_fragment, lkp);
        transition select(hdr.frame.ipv6_fragment.fragment_offset, hdr.frame.ipv6_fragment.next_header) {
            (0, IP_PROTOCOL_ICMPV6): parse_icmpv6_fragment;
            (0, IP_PROTOCOL_TCP):    parse_tcp;
            (0, IP_PROTOCOL_UDP):    parse_fragmented_udp;
            default: accept;
        }
    }

    state parse_icmp {
        icmp_parser.apply(packet, hdr.frame.icmp, hdr.frame.icmp_echo, lkp);
        transition accept;
    }

    state parse_icmpv6 {
        icmpv6_packet_parser.apply(packet, hdr.frame.ipv6, lkp);
        icmpv6_parser.apply(
            packet, hdr.frame.ipv6, hdr.frame.icmp, hdr.frame.icmp_echo, hdr.frame.neighbor, hdr.frame.link_layer_option, lkp);
        transition accept;
    }

    state parse_icmpv6_fragment {
        icmpv6_fragment_parser.apply(packet, hdr.frame.icmp, hdr.frame.icmp_echo, lkp);
        transition accept;
    }

    state parse_tcp {
        tcp_parser.apply(packet, hdr.frame.tcp, lkp);
        transition accept;
    }

    state parse_fragmented_udp {
        udp_parser.apply(packet, hdr.frame.udp, lkp);
        transition accept;
    }

    state parse_datagram_v4 {
        packet.extract(hdr.frame.ipv4);
        datagram_checksum.apply(hdr.frame.ipv4, datagram.is_bad_checksum);
        transition parse_datagram;
    }

    state parse_datagram_v6 {
        packet.extract(hdr.frame.ipv6);
        transition parse_datagram;
    }

    state parse_datagram {
        packet.extract(hdr.frame.udp);
        datagram.is_there = 1;
        transition select(hdr.frame.udp.dst_port) {
            UDP_PORT_VXLAN: parse_vxlan;
            default: accept;
        }
    }

    state parse_vxlan {
        packet.extract(hdr.vxlan);
        inner_parser.apply(packet, hdr.inner, lkp);
        transition accept;
    }
}

#endif
