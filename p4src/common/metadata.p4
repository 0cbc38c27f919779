// SPDX-License-Identifier: Apache-2.0
// What the stages tell each other about one packet.
#ifndef COMMON_METADATA_P4
#define COMMON_METADATA_P4

#include "constants.p4"
#include "drop_reasons.p4"

// A UDP datagram that is no fragment: it may be a tunnel.
struct datagram_t {
    bit<1> is_there;
    bit<1> is_bad_checksum; // of its IPv4 header
}

// The frame that is forwarded - the tenant's, or an underlay packet in transit - in fields that are always defined,
// so that no table matches on a header that is not there. Fields that a frame does not have are zero. The parser fills them, of the
// frame inside a tunnel where there is one; `Lookup` has the last word.
struct lookup_t {
    frame_kind_t kind;
    mac_addr_t   dst_mac;
    mac_addr_t   src_mac;
    bit<16>      ether_type;        // of what came in, also where a tunnel ends
    bit<1>       is_wrong_ip;       // version or header length
    bit<1>       has_options;       // IPv4
    bit<1>       is_bad_checksum;   // IPv4, and only without options
    bit<1>       is_wrong_arp;      // not Ethernet and IPv4
    bit<1>       is_neighbor;       // neighbour discovery, or a router solicitation
    bit<1>       is_fragment;       // first or later
    bit<1>       is_query;          // ARP request, neighbour solicitation
    bit<1>       is_announcement;   // RARP, neighbour advertisement; of ARP see is_gratuitous
    bit<1>       is_gratuitous;     // ARP for the sender's own address
    bit<1>       is_router_message; // router advertisement or redirect
    bit<1>       is_eui64_query;    // neighbour solicitation for a link-local address that carries a MAC
    bit<1>       is_long_neighbor;  // neighbour discovery with more than one option
    bit<1>       has_sender;        // ARP, ND with an option that tells it
    mac_addr_t   sender_mac;        // the sender's MAC as ARP and ND tell it
    bit<1>       is_wrong_sender;   // it is not the Ethernet source
    bit<8>       ttl;               // or hop limit
    bit<8>       ip_protocol;
    bit<16>      ip_length;         // bytes of the IP packet, header included (IPv6: from `Lookup` on); from `measure_excess` on those beyond the MTU
    ipv6_addr_t  src;               // IP source, ARP sender, target of a neighbour advertisement; of IPv4 the last 32 bits
    ipv6_addr_t  dst;               // IP destination, ARP target, target of a neighbour solicitation; likewise
    ipv6_addr_t  target;            // of neighbour discovery, until `Lookup` has put it where it belongs
    bit<1>       has_l4;            // a TCP, UDP or ICMP header is there to look into
    bit<16>      l4_src_port;       // TCP and UDP; ICMP echo: identifier; 0 where there is none
    bit<16>      l4_dst_port;       // TCP and UDP; ICMP: type, code; 0 where there is none
    bit<1>       is_echo;           // an ICMP echo request or reply (code 0)
}

// What a packet shows of its flow, apart from addresses. It makes the flow's record, or needs that of the reverse flow.
struct flow_t {
    bit<1>       is_tracked;      // a flow that records are kept of
    bit<1>       is_established;  // the record is there
    bit<16>      src_port;        // of an echo request: its identifier; of a reply: 0
    bit<16>      dst_port;        // of an echo request: 0; of a reply: its identifier
    bit<8>       protocol;        // highest bit: IPv6
    flow_index_t index;           // its cell in the register arrays
    bit<1>       is_same;         // TNA: what is on record agrees, for each register array
    bit<1>       is_same_1;
    bit<1>       is_same_2;
    bit<1>       is_same_3;
    bit<1>       is_same_ports;
    bit<1>       is_same_protocol;
}

// What ingress decides and egress does. v1model: copies keep the fields of the field list 1.
struct egress_verdict_t {
    rewrite_mode_t  rewrite_mode;
    @field_list(1)
    port_id_t       ingress_port;
    port_id_t       egress_port;
    @field_list(1)
    bit<8>          punt_reason;    // why the controller sees it
    bit<1>          is_guarded;     // policy and ACLs apply here
    bit<1>          is_terminated;
    bit<1>          is_unruled;     // no policy entry matched: only flow state can let it pass
    bit<1>          is_dscp_uniform;// of the tunnel that ended here
    bit<1>          is_gateway;     // ARP, ND: the reply is the router's
    bit<1>          is_dad;         // ND: the asker has no address yet
    bit<1>          keeps_tag;      // the frame's VLAN tag is the tenant's own
    port_index_t    source_index;   // attachment that it came from
    port_index_t    port_index;     // attachment that it leaves by, or BEHIND_TUNNEL and the tunnel index; ingress, flooded: the group
    bridge_domain_t bridge_domain;  // of the destination
    @field_list(1)
    vrf_t           vrf;
    policy_label_t  src_label;
    bit<8>          outer_tos;      // of the tunnel packet that ended here
    mac_addr_t      dst_mac;        // routed: next Ethernet destination; ARP and ND reply: what is answered, unless is_gateway
    bit<16>         source_port;    // outer UDP source port, 49152-65535: 14 bits of the flow hash
    bit<8>          ip_protocol;    // these five as in lookup_t
    bit<1>          has_l4;
    bit<1>          is_echo;
    bit<16>         l4_src_port;
    bit<16>         l4_dst_port;
}

struct metadata_t {
    // From the front file.
    port_id_t        ingress_port;
    bit<1>           is_parser_error;
    datagram_t       datagram;
    flow_time_t      now;
    bit<16>          frame_length;      // egress: bytes of the frame, and its payload; until `Measure` with LENGTH_EXCESS

    // Ingress.
    drop_reason_t    drop_reason;
    vlan_id_t        vlan_id;           // 0: untagged
    bit<1>           is_fabric;
    tier_t           tier;              // of the switch
    bit<1>           is_access;
    bit<1>           is_candidate;      // a port may move here: until it does, only its announcements count
    bit<1>           is_local_vtep;
    bit<1>           is_peer;
    bit<1>           is_untrusted_peer;
    bit<1>           is_gbp_peer;
    port_index_t     peer_index;        // BEHIND_TUNNEL and the tunnel index of the peer
    @field_list(1)
    bit<1>           is_terminated;
    bit<1>           is_vni;
    bit<1>           is_vlan_transparent; // the subnet of the VNI carries tenants' own tags
    bit<1>           is_trapped;        // for the controller, whatever else is found
    bit<1>           is_punted;         // dropped, and the controller shall see it as far as its rate allows
    bit<1>           is_guarded;        // from a tenant's port or a foreign VTEP: guard and policy apply here
    bit<1>           is_source_mac;     // source guard: the MAC is the sender's
    bit<1>           is_source_address; // source guard: the address is the sender's
    bit<1>           is_gateway;        // destination address is a gateway's
    bit<1>           is_routed;
    bit<1>           is_known;          // the destination address has a host or a route
    bit<1>           is_station;        // the destination MAC has an attachment, or a group
    bit<1>           is_moved;          // the station was here, and another leaf may not know that it is elsewhere
    bit<1>           is_transit;
    bit<1>           is_flooded;
    meter_color_t    color;             // of the frame against the rate of its port; then of what is shown, against that of its reason
    bit<1>           is_acl_denied;
    bit<1>           is_logged;         // an ACL rule wants the controller to see it
    bit<1>           is_policy_denied;
    bit<1>           has_next_hop;
    source_kind_t    source_kind;
    bridge_domain_t  bridge_domain;
    vrf_t            vrf;
    port_index_t     port_index;
    policy_label_t   src_label;
    policy_label_t   dst_label;
    bit<16>          mtu;
    bit<1>           is_same_port;      // the destination is the attachment that it came from
    bit<1>           is_same_domain;    // the destination is in the bridge domain that it came from
    copy_session_t   copy_session;      // who gets a copy
    copy_kind_t      copy_kind;         // TNA: what they get
    bit<32>          flow_hash;
    lookup_t         lkp;

    egress_verdict_t egress;

    // Egress.
    vni_t            vni;
    bit<1>           is_pruned;         // a copy for the attachment that the frame came from
    flow_t           flow;
    bit<16>          missing_in_frame;    // first the room for IP, then bytes that the IP length promises and the frame does not have
    bit<16>          missing_in_datagram; // first bytes of the IPv4 header, then those of it that the datagram does not have
    mac_addr_t       gateway_mac;
    bit<1>           is_unknown_domain;
    bit<1>           is_refused_mark;   // congestion mark for a flow that does not know them
    bit<1>           has_neighbor;
    bit<8>           tos;               // of the tenant's packet, as it leaves
    bit<8>           old_tos;           // as it came; then of the tunnel packet that it leaves in
    bit<1>           is_checksum_due;   // the IPv4 header checksum is to be set on the way out
    bit<1>           is_ecn_compatible;
    bit<1>           is_outer_dscp_uniform;
    bit<6>           dscp;
    bit<1>           is_gbp;
    bit<1>           is_udp_checksum;   // over IPv6: calculated, not 0
}

#endif
