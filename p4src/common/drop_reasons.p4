// SPDX-License-Identifier: Apache-2.0
// Why a packet was dropped. Operators and tests know these numbers: append, never renumber.
#ifndef COMMON_DROP_REASONS_P4
#define COMMON_DROP_REASONS_P4

typedef bit<8> drop_reason_t;

const drop_reason_t DROP_NONE                  = 0;
const drop_reason_t DROP_UNKNOWN_PORT          = 1;  // no access or fabric port for this switch port and VLAN
const drop_reason_t DROP_UNKNOWN_VTEP          = 2;  // outer source is no VTEP that we know
const drop_reason_t DROP_UNKNOWN_VNI           = 3;  // VNI is not present here
const drop_reason_t DROP_VXLAN_FLAGS           = 4;  // VXLAN header without a valid VNI (I flag zero)
const drop_reason_t DROP_OUTER_FRAGMENT        = 5;  // a fragment addressed to our VTEP
const drop_reason_t DROP_INNER_VLAN            = 6;  // the frame inside VXLAN carries a VLAN tag
const drop_reason_t DROP_SPOOF                 = 7;  // not an address pair of the sending port
const drop_reason_t DROP_TTL                   = 8;  // time to live ends at this logical router
const drop_reason_t DROP_NO_ROUTE              = 9;  // routed, destination not in the VRF
const drop_reason_t DROP_UNKNOWN_DESTINATION   = 10; // bridged, destination MAC not in the bridge domain
const drop_reason_t DROP_POLICY                = 11; // no rule between the two labels allows it
const drop_reason_t DROP_SPLIT_HORIZON         = 12; // from one trusted tunnel to another
const drop_reason_t DROP_SAME_PORT             = 13; // destination is the attachment that it came from
const drop_reason_t DROP_NO_UNDERLAY_ROUTE     = 14; // underlay destination has no route
const drop_reason_t DROP_ETHER_TYPE            = 15; // neither IPv4, IPv6 nor ARP
const drop_reason_t DROP_IP_HEADER             = 16; // version, header length, total length, checksum or hop limit is wrong
const drop_reason_t DROP_MARTIAN               = 17; // source is no host: 0/8, 127/8, 224/4, 240/4, ::, ::1, ff00::/8
const drop_reason_t DROP_BROADCAST             = 18; // group MAC address in a subnet that does not flood
const drop_reason_t DROP_TO_GATEWAY            = 19; // addressed to the gateway itself: the controller answers
const drop_reason_t DROP_ARP_UNKNOWN           = 20; // ARP that is no request for an address that we know
const drop_reason_t DROP_NO_TUNNEL             = 21; // mapping points to a tunnel that is not there
const drop_reason_t DROP_NO_NEIGHBOR           = 22; // underlay port without a neighbour
const drop_reason_t DROP_UNKNOWN_BRIDGE_DOMAIN = 23; // mapping points to a bridge domain that is not there
const drop_reason_t DROP_UNDERLAY_TTL          = 24; // time to live of a transit packet ends here
const drop_reason_t DROP_NOT_VXLAN             = 25; // addressed to our VTEP, but no VXLAN
const drop_reason_t DROP_MALFORMED             = 26; // ends inside a header that we need, or ARP of another format
const drop_reason_t DROP_ACL                   = 27; // a network ACL of the subnet denies it
const drop_reason_t DROP_ECN                   = 28; // congestion mark for a flow that does not know them (RFC 6040)
const drop_reason_t DROP_RATE                  = 29; // beyond the rate of its port
const drop_reason_t DROP_TOO_BIG               = 30; // longer than the MTU of the tenant
const drop_reason_t DROP_LINK_LOCAL            = 31; // link-local addresses are never routed
const drop_reason_t DROP_ND_UNKNOWN            = 32; // neighbour solicitation that is not for an address that we know
const drop_reason_t DROP_LEARN                 = 33; // an address announces itself: the controller hears it
const drop_reason_t DROP_CANDIDATE             = 34; // from where a port may move to, but it has not announced itself there
const drop_reason_t DROP_ROUTER_SOLICITATION   = 36; // a host looks for its router: the controller advertises it

// Numbers of the same list for which nothing is dropped: why the controller sees a copy of a frame that goes its way.
const drop_reason_t LOGGED_OUTBOUND            = 40; // a rule for what is routed out of a subnet logs it
const drop_reason_t LOGGED_INBOUND             = 41; // a rule for what is routed into a subnet logs it

#endif
