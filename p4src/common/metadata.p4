// SPDX-License-Identifier: Apache-2.0
// What the stages tell each other about one packet.
#ifndef COMMON_METADATA_P4
#define COMMON_METADATA_P4

#include "constants.p4"
#include "drop_reasons.p4"

// The frame that is forwarded - the tenant's, or an underlay packet in transit - in fields that are always defined,
// so that no table matches on a header that is not there. Fields that a frame does not have are zero.
struct lookup_t {
    mac_addr_t  dst_mac;
    mac_addr_t  src_mac;
    bit<16>     ether_type;
    bit<1>      is_ipv4;
    bit<1>      is_arp;
    bit<1>      is_arp_request;
    bit<1>      is_bad_checksum;
    bit<1>      is_fragment;    // first or later
    bit<8>      version_ihl;
    bit<8>      ttl;
    bit<8>      ip_protocol;
    mac_addr_t  sender_difference; // ARP: bits in which the sender MAC differs from the Ethernet source
    ipv4_addr_t src_address;    // IPv4 source, ARP sender
    ipv4_addr_t dst_address;    // IPv4 destination, ARP target
    bit<1>      has_l4;         // a TCP, UDP or ICMP header is there to look into
    bit<16>     l4_src_port;
    bit<16>     l4_dst_port;    // TCP and UDP; ICMP: type, code; 0 where there is none
    bit<1>      is_echo;        // an ICMP echo request or reply (code 0)
    bit<16>     echo_identifier;
}

// The record that a packet makes or needs: the flow as its opening packet has it.
struct flow_t {
    bit<1>        is_reply;     // the packet needs the record; otherwise it makes it
    bit<1>        is_established;
    ipv4_addr_t   src_address;
    ipv4_addr_t   dst_address;
    bit<16>       src_port;     // of an echo: its identifier
    bit<16>       dst_port;     // of an echo: 0
    flow_stamp_t  stamp;        // protocol, and the time of this packet
    flow_index_t  index;        // its cell in the register arrays
}

// What ingress decides and egress does.
struct egress_verdict_t {
    rewrite_mode_t  rewrite_mode;
    bit<1>          is_encapsulated;
    port_id_t       ingress_port;
    port_id_t       egress_port;
    bit<8>          punt_reason;
    port_index_t    port_index;     // attachment that it leaves by, or BEHIND_TUNNEL and the tunnel index
    bridge_domain_t bridge_domain;  // of the destination
    mac_addr_t      dst_mac;        // routed: next Ethernet destination; ARP reply: the address asked for
    ipv4_addr_t     tunnel_src;
    ipv4_addr_t     tunnel_dst;
    bit<14>         entropy;        // of the outer UDP source port
}

struct metadata_t {
    // From the front file.
    port_id_t        ingress_port;
    bit<1>           is_parser_error;
    bit<1>           is_bad_checksum;       // of the plain IPv4 header
    bit<1>           is_bad_inner_checksum;
    bit<1>           is_wrong_arp;          // of the innermost header: not Ethernet and IPv4
    flow_time_t      now;
    bit<16>          frame_length;          // egress: bytes of the frame in the plain headers, and its payload

    // Ingress.
    drop_reason_t    drop_reason;
    bit<1>           is_fabric;
    bit<1>           is_punted;
    bit<1>           is_terminated;
    bit<1>           is_guarded;            // from a tenant's port or a foreign VTEP: guard and policy apply here
    bit<1>           is_gateway;            // destination address is a gateway's
    bit<1>           is_routed;
    bit<1>           is_unruled;            // no policy entry matched: only flow state can let it pass
    bit<1>           is_known;              // a mapping says where the destination is
    vlan_id_t        vlan_id;
    bit<16>          ether_type;            // behind the VLAN tag
    bridge_domain_t  bridge_domain;
    vrf_t            vrf;
    port_index_t     port_index;
    tunnel_index_t   src_tunnel;
    tunnel_index_t   dst_tunnel;
    policy_label_t   src_label;
    policy_label_t   dst_label;
    mac_addr_t       gateway_mac;
    ipv4_addr_t      underlay_address;
    bit<32>          flow_hash;
    lookup_t         lkp;
    flow_t           flow;

    egress_verdict_t egress;

    // Egress.
    vni_t            vni;
}

#endif
