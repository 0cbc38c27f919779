// SPDX-License-Identifier: Apache-2.0
// Wire formats. Three roles: plain names are the frame as received (after termination: the tenant's frame),
// `inner_` is the frame inside VXLAN until termination, `encap_` is what we put around a tenant's frame.
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
    bit<4>   version;
    bit<8>   traffic_class;
    bit<20>  flow_label;
    bit<16>  payload_length;
    bit<8>   next_header;
    bit<8>   hop_limit;
    bit<128> src_addr;
    bit<128> dst_addr;
}

header tcp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<32> sequence;
    bit<32> acknowledgement;
    bit<4>  data_offset;
    bit<4>  reserved;
    bit<8>  flags;
    bit<16> window;
    bit<16> checksum;
    bit<16> urgent_pointer;
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

// Follows icmp_t in echo requests and replies (RFC 792).
header icmp_echo_t {
    bit<16> identifier;
    bit<16> sequence;
}

header vxlan_t {
    bit<8>  flags;
    bit<24> reserved;
    vni_t   vni;
    bit<8>  reserved2;
}

@controller_header("packet_in")
header packet_in_t {
    @id(2) bit<7> pad; // first, so that the port ends at a byte as Tofino's own ports do
    @id(1) bit<9> ingress_port;
    @id(3) bit<8> reason;
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
    udp_t        encap_udp;
    vxlan_t      encap_vxlan;
}

// The frame.
struct headers_t {
    packet_out_t packet_out;

    ethernet_t   ethernet;
    vlan_t       vlan;
    arp_t        arp;
    ipv4_t       ipv4;
    ipv6_t       ipv6;
    tcp_t        tcp;
    udp_t        udp;
    icmp_t       icmp;
    icmp_echo_t  icmp_echo;
    vxlan_t      vxlan;

    ethernet_t   inner_ethernet;
    vlan_t       inner_vlan;
    arp_t        inner_arp;
    ipv4_t       inner_ipv4;
    ipv6_t       inner_ipv6;
    tcp_t        inner_tcp;
    udp_t        inner_udp;
    icmp_t       inner_icmp;
    icmp_echo_t  inner_icmp_echo;
}

#endif
