// SPDX-License-Identifier: Apache-2.0
// Table sizes: entries that a switch takes at least. docs/pipeline.md argues each number.
// Of rules with ports, Tofino reckons with one in ten that is about a range which is neither one port nor all nor a block (of a
// power of two, at a multiple of it): such a rule takes up to six rows of TCAM (@entries_with_ranges at the tables).
#ifndef COMMON_SIZES_P4
#define COMMON_SIZES_P4

const int FABRIC_PORTS_SIZE         = 512;
const int TRANSPARENT_PORTS_SIZE    = 512;
const int ACCESS_PORTS_SIZE         = 4096;
const int TRAPS_SIZE                = 64;
const int LOCAL_VTEPS_V4_SIZE       = 64;
const int LOCAL_VTEPS_V6_SIZE       = 64;
const int PEER_VTEPS_V4_SIZE        = 8192;
const int PEER_VTEPS_V6_SIZE        = 8192;
const int VNI_MAP_SIZE              = 4096;
const int SOURCE_GUARD_MAC_SIZE     = 8192;
const int SOURCE_GUARD_V4_SIZE      = 16384;
const int SOURCE_GUARD_V6_SIZE      = 16384;
const int GATEWAY_ADDRESSES_V4_SIZE = 4608;
const int GATEWAY_ADDRESSES_V6_SIZE = 8192;
const int ROUTER_MACS_SIZE          = 4096;
const int HOSTS_V4_SIZE             = 65536;
const int HOSTS_V6_SIZE             = 16384;
const int ROUTES_V4_SIZE            = 4096;
const int ROUTES_V6_SIZE            = 1024;
const int BRIDGE_SIZE               = 32768;
const int FLOOD_SIZE                = 8192;
const int POLICY_SIZE               = 2048;
const int ACL_INGRESS_V4_SIZE       = 1024;
const int ACL_INGRESS_V6_SIZE       = 512;
const int ACL_EGRESS_V4_SIZE        = 1024;
const int ACL_EGRESS_V6_SIZE        = 512;
const int TUNNELS_SIZE              = 8192;
const int TUNNEL_NEXT_HOPS_SIZE     = 8192;
const int UNDERLAY_ROUTES_V4_SIZE   = 4096;
const int UNDERLAY_ROUTES_V6_SIZE   = 1024;
const int DROP_REASONS_SIZE         = 256;
const int EGRESS_PORTS_SIZE         = 4096;
const int BRIDGE_DOMAINS_SIZE       = 8192;
const int NEIGHBORS_SIZE            = 512;
const int EGRESS_DROP_REASONS_SIZE  = 256;

// Meters: a cell for each local attachment, and for each reason to show a frame.
const bit<32> PORT_METER_SIZE = 4096;
const bit<32> PUNT_METER_SIZE = 256;
const bit<32> EGRESS_PUNT_METER_SIZE = 256;

// Next hops over all groups of a selector.
const bit<32> TUNNEL_SELECTOR_MEMBERS      = 32768;
const bit<32> UNDERLAY_SELECTOR_V4_MEMBERS = 16384;
const bit<32> UNDERLAY_SELECTOR_V6_MEMBERS = 4096;

#endif
