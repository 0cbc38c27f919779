// SPDX-License-Identifier: Apache-2.0
// Wire formats. `frame` is the frame as received (after termination: the tenant's frame), `inner` is the frame inside
// VXLAN until termination, `encap_` is what we put around a tenant's frame.
#ifndef COMMON_HEADERS_P4
#define COMMON_HEADERS_P4

#include "constants.p4"

header ethernet_t {
    mac_addr_t dst_addr;
    mac_addr_t src_addr;
    bit<16>    ether_type;
}

header vlan_t {
    bit<3>    priority;
    bit<1>    drop_eligible;
    vlan_id_t vlan_id;
    bit<16>   ether_type;
}

header arp_t {
    bit<16>     hardware_type;
    bit<16>     protocol_type;
    bit<8>      hardware_length;
    bit<8>      protocol_length;
    bit<16>     operation;
    mac_addr_t  sender_mac;
    ipv4_addr_t sender_address;
    mac_addr_t  target_mac;
    ipv4_addr_t target_address;
}

header ipv4_t {
    bit<8>      version_ihl;
    bit<8>      tos;
    bit<16>     total_length;
    bit<16>     identification;
    bit<3>      flags; // reserved, don't fragment, more fragments
    bit<13>     fragment_offset;
    bit<8>      ttl;
    bit<8>      protocol;
    bit<16>     checksum;
    ipv4_addr_t src_addr;
    ipv4_addr_t dst_addr;
}

header ipv6_t {
    bit<4>      version;
    bit<8>      traffic_class;
    bit<20>     flow_label;
    bit<16>     payload_length;
    bit<8>      next_header;
    bit<8>      hop_limit;
    ipv6_addr_t src_addr;
    ipv6_addr_t dst_addr;
}

header ipv6_fragment_t {
    bit<8>  next_header;
    bit<8>  reserved;
    bit<13> fragment_offset;
    bit<2>  reserved2;
    bit<1>  more_fragments;
    bit<32> identification;
}

// What decides; the rest of a TCP header is payload to us.
header tcp_t {
    bit<16> src_port;
    bit<16> dst_port;
}

header udp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length;
    bit<16> checksum;
}

header icmp_t {
    bit<8>  type;
    bit<8>  code;
    bit<16> checksum;
}

// Follows icmp_t in echo requests and replies (RFC 792, RFC 4443).
header icmp_echo_t {
    bit<16> identifier;
    bit<16> sequence;
}

// Follows icmp_t in neighbour solicitations and advertisements (RFC 4861).
header neighbor_t {
    bit<32>     flags; // router, solicited, override, reserved; all reserved in a solicitation
    ipv6_addr_t target;
}

// Follows neighbor_t. Other options of 8 bytes have the same shape.
header link_layer_option_t {
    bit<8>     type;
    bit<8>     length;
    mac_addr_t mac;
}

header vxlan_t {
    bit<8>  flags;
    bit<8>  policy_flags; // RFC 7348: reserved; GBP: the A bit
    bit<16> group_policy; // RFC 7348: reserved; GBP: policy label of the source
    vni_t   vni;
    bit<8>  reserved2;
}

@controller_header("packet_in")
header packet_in_t {
    @id(2) bit<7> pad; // first, so that the port ends at a byte as Tofino's own ports do
    @id(1) bit<9> ingress_port;
    @id(3) bit<8> reason;
    @id(4) vrf_t  vrf; // 0: unknown
}

@controller_header("packet_out")
header packet_out_t {
    @id(2) bit<7> pad;
    @id(1) bit<9> egress_port;
}

// What egress puts in front of the frame. Apart from it, because ingress has no use for these.
struct added_headers_t {
    packet_in_t  packet_in;
    ethernet_t   encap_ethernet;
    ipv4_t       encap_ipv4;
    ipv6_t       encap_ipv6;
    udp_t        encap_udp;
    vxlan_t      encap_vxlan;
}

// One frame, outside or inside of VXLAN.
struct frame_headers_t {
    ethernet_t          ethernet;
    vlan_t              vlan;
    arp_t               arp;
    ipv4_t              ipv4;
    ipv6_t              ipv6;
    ipv6_fragment_t     ipv6_fragment;
    tcp_t               tcp;
    udp_t               udp;
    icmp_t              icmp;
    icmp_echo_t         icmp_echo;
    neighbor_t          neighbor;
    link_layer_option_t link_layer_option;
}

struct headers_t {
    packet_out_t    packet_out;
    frame_headers_t frame;
    vxlan_t         vxlan;
    frame_headers_t inner;
}

#endif
