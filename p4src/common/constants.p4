// SPDX-License-Identifier: Apache-2.0
// Numbers of the protocols and of the pipeline itself.
#ifndef COMMON_CONSTANTS_P4
#define COMMON_CONSTANTS_P4

typedef bit<9>  port_id_t;
typedef bit<12> vlan_id_t;
typedef bit<16> bridge_domain_t;
typedef bit<24> vni_t;
typedef bit<16> vrf_t;
typedef bit<16> policy_label_t;
typedef bit<16> port_index_t;
typedef bit<15> tunnel_index_t;
typedef bit<48> mac_addr_t;
typedef bit<32> ipv4_addr_t;
typedef bit<128> ipv6_addr_t;
typedef bit<10> copy_session_t; // as wide as Tofino has them
typedef bit<8>  copy_kind_t;

const bit<16> ETHER_TYPE_IPV4 = 0x0800;
const bit<16> ETHER_TYPE_ARP  = 0x0806;
const bit<16> ETHER_TYPE_RARP = 0x8035;
const bit<16> ETHER_TYPE_VLAN = 0x8100;
const bit<16> ETHER_TYPE_IPV6 = 0x86dd;

const bit<8> IP_PROTOCOL_ICMP   = 1;
const bit<8> IP_PROTOCOL_TCP    = 6;
const bit<8> IP_PROTOCOL_UDP    = 17;
const bit<8> IP_PROTOCOL_ICMPV6 = 58;
const bit<8> IP_PROTOCOL_IPV6_FRAGMENT = 44;

// IPv6 extension headers that a neighbour discovery message could hide behind (RFC 7045 section 4); fragment is another.
const bit<8> IPV6_HOP_BY_HOP     = 0;
const bit<8> IPV6_ROUTING        = 43;
const bit<8> IPV6_AUTHENTICATION = 51;
const bit<8> IPV6_DESTINATION    = 60;
const bit<8> IPV6_MOBILITY       = 135;
const bit<8> IPV6_HIP            = 139;
const bit<8> IPV6_SHIM6          = 140;

const bit<16> UDP_PORT_VXLAN = 4789;

const bit<8> ICMP_ECHO_REPLY   = 0;
const bit<8> ICMP_ECHO_REQUEST = 8;

const bit<8> ICMPV6_ECHO_REQUEST           = 128;
const bit<8> ICMPV6_ECHO_REPLY             = 129;
const bit<8> ICMPV6_ROUTER_SOLICITATION    = 133;
const bit<8> ICMPV6_ROUTER_ADVERTISEMENT   = 134;
const bit<8> ICMPV6_NEIGHBOR_SOLICITATION  = 135;
const bit<8> ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;
const bit<8> ICMPV6_REDIRECT               = 137;

// RFC 4861 section 4.3 to 4.6.1. Neighbour discovery never passes a router, so nobody has lowered its hop limit.
const bit<8>  ND_HOP_LIMIT                 = 255;
const bit<16> ND_BYTES                     = 24; // ICMPv6 header and target
const bit<16> ND_OPTION_BYTES              = 8;  // one link-layer address
const bit<8>  ND_TARGET_LINK_LAYER_ADDRESS = 2;
const bit<32> ND_ROUTER                    = 0x80000000;
const bit<32> ND_SOLICITED                 = 0x40000000;
const bit<32> ND_OVERRIDE                  = 0x20000000;
const bit<8>  ND_OPTION_LENGTH             = 1;  // in units of 8 bytes
const ipv6_addr_t IPV6_ALL_NODES     = 0xff02_0000_0000_0000_0000_0000_0000_0001;
const mac_addr_t  IPV6_ALL_NODES_MAC = 0x3333_0000_0001;

const bit<16> ARP_HARDWARE_ETHERNET = 1;
const bit<8>  ARP_HARDWARE_LENGTH   = 6;
const bit<8>  ARP_PROTOCOL_LENGTH   = 4;
const bit<16> ARP_REQUEST           = 1;
const bit<16> ARP_REPLY             = 2;
const bit<16> RARP_REQUEST          = 3; // RFC 903; what a hypervisor announces a moved machine with

// What a frame carries.
typedef bit<8> frame_kind_t;
const frame_kind_t FRAME_OTHER = 0;
const frame_kind_t FRAME_IPV4  = 1;
const frame_kind_t FRAME_IPV6  = 2;
const frame_kind_t FRAME_ARP   = 3; // ARP and RARP

// How far a switch is from the leaves. 0 is a leaf, whose hash is of the tenant's packet, and 1 a spine.
typedef bit<2> tier_t;
const tier_t TIER_SUPER_SPINE = 2;
const tier_t TIER_CORE        = 3;

// What the source address of a packet is.
typedef bit<8> source_kind_t;
// 0 is a host.
const source_kind_t SOURCE_UNSPECIFIED = 1; // 0.0.0.0 or ::, what a host sends from before it has an address
const source_kind_t SOURCE_LINK_LOCAL  = 2;
const source_kind_t SOURCE_MARTIAN     = 3;

// IPv4 version 4, header length 5 words: the only header that carries L4 for us, and the one that we send.
const bit<8> IPV4_VERSION_IHL = 0x45;
const bit<3> IPV4_DONT_FRAGMENT = 0b010;

// RFC 7348: only the I flag is set, all else is zero.
const bit<8> VXLAN_FLAGS = 0x08;
// draft-smith-vxlan-group-policy: G and I; policy has been applied (A).
const bit<8> VXLAN_GBP_FLAGS   = 0x88;
const bit<8> VXLAN_GBP_APPLIED = 0x08;
// The tunnel's own time to live, the same for every kind of inner frame.
const bit<8> ENCAP_TTL = 64;
// Bytes that encapsulation adds to the tenant's frame, as seen by the outer UDP and IPv4 headers.
const bit<16> ENCAP_UDP_BYTES  = 16; // UDP 8 + VXLAN 8
const bit<16> ENCAP_IPV4_BYTES = 36; // IPv4 20 + the above
const bit<16> IPV6_BYTES       = 40;
const bit<16> ETHERNET_BYTES   = 14;
const bit<16> VLAN_BYTES       = 4;

// How egress changes a frame.
typedef bit<8> rewrite_mode_t;
const rewrite_mode_t REWRITE_NONE      = 0; // leaves as it came: packet_out
const rewrite_mode_t REWRITE_BRIDGED   = 1; // tenant frame inside its bridge domain: VLAN tag only
const rewrite_mode_t REWRITE_ROUTED    = 2; // tenant frame between bridge domains: MAC addresses, time to live
const rewrite_mode_t REWRITE_ARP_REPLY = 3; // the request becomes its answer
const rewrite_mode_t REWRITE_TRANSIT   = 4; // underlay packet routed by the fabric
const rewrite_mode_t REWRITE_PUNT      = 5; // as it came, to the controller, behind a packet_in header
const rewrite_mode_t REWRITE_ND_REPLY  = 6; // the solicitation becomes its advertisement
const rewrite_mode_t REWRITE_FLOODED   = 7; // tenant frame to many: every copy is bridged
const rewrite_mode_t REWRITE_MIRRORED  = 8; // copy for a mirror: VLAN tag only, and no decision is made about it

typedef bit<8> meter_color_t; // RFC 2698
const meter_color_t COLOR_GREEN = 0;

// Clone sessions: an even one is that of a mirror (0: none); with this bit the controller gets a copy too.
const copy_session_t COPY_TO_CONTROLLER = 1;

// Highest bit of a port index: behind a tunnel, and the rest is the tunnel's index. Local attachments have 0 there.
const bit<1> BEHIND_TUNNEL = 1;

// Highest bit of `flow_t.protocol`.
const bit<8> FLOW_IPV6 = 0x80;

#endif
