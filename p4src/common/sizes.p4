// SPDX-License-Identifier: Apache-2.0
// Table sizes: entries that a switch takes at least. docs/pipeline.md argues each number.
#ifndef COMMON_SIZES_P4
#define COMMON_SIZES_P4

const int FABRIC_PORTS_SIZE        = 512;
const int ACCESS_PORTS_SIZE        = 4096;
const int TRAPS_SIZE               = 64;
const int LOCAL_VTEPS_V4_SIZE      = 64;
const int PEER_VTEPS_V4_SIZE       = 8192;
const int VNI_MAP_SIZE             = 4096;
const int SOURCE_GUARD_MAC_SIZE    = 8192;
const int SOURCE_GUARD_V4_SIZE     = 16384;
const int GATEWAY_ADDRESSES_SIZE   = 4608;
const int ROUTER_MACS_SIZE         = 4096;
const int HOSTS_V4_SIZE            = 65536;
const int ROUTES_V4_SIZE           = 4096;
const int BRIDGE_SIZE              = 32768;
const int POLICY_SIZE              = 2048;
const int TUNNELS_SIZE             = 8192;
const int UNDERLAY_ROUTES_SIZE     = 4096;
const int DROP_REASONS_SIZE        = 256;
const int EGRESS_PORTS_SIZE        = 4096;
const int BRIDGE_DOMAINS_SIZE      = 8192;
const int NEIGHBORS_SIZE           = 512;
const int EGRESS_DROP_REASONS_SIZE = 256;

// underlay_selector: next hops over all groups.
const bit<32> SELECTOR_MEMBERS = 16384;

#endif
