// SPDX-License-Identifier: Apache-2.0
// The way through the fabric: equal-cost next hops towards a tunnel's far end, or towards the destination of a packet in
// transit.
//
// Tiers in a row must not choose alike: what the first has put on one path would all take the same next one. Each tier
// beyond the first two turns the flow hash round by a number of bits of its own; docs/adr/0015 shows that this is as good as
// another hash, and says why the seed of a CRC is not. `TurnHash`, which is the architecture's, does it.
#ifndef COMMON_UNDERLAY_P4
#define COMMON_UNDERLAY_P4

#include "metadata.p4"
#include "sizes.p4"

control Underlay(inout metadata_t meta)(
    selector_t tunnel_paths, selector_t paths_v4, selector_t paths_v6) {
    @name(".set_next_hop") @id(0x1a)
    action set_next_hop(@id(1) @refers_to(neighbors, egress_port) port_id_t egress_port) {
        meta.has_next_hop = 1;
        meta.egress.egress_port = egress_port;
    }

    // Written for each remote VTEP. A miss drops. Here and below the default action is left to the language (none):
    // v1model refuses to hear one for a table with a selector.
    @name(".tunnel_next_hops") @id(0x1f)
    table tunnel_next_hops {
        key = {
            meta.egress.port_index[14:0] : exact @name("tunnel_index") @id(1);
            meta.flow_hash               : selector;
        }
        actions = {
            set_next_hop;
        }
        size = TUNNEL_NEXT_HOPS_SIZE;
        implementation = tunnel_paths;
    }

    // Written for each underlay prefix: VTEPs of other leaves, links. A miss drops.
    @name(".underlay_routes_v4") @id(0x10)
    table underlay_routes_v4 {
        key = {
            meta.lkp.dst[31:0] : lpm @name("dst_address") @id(1);
            meta.flow_hash  : selector;
        }
        actions = {
            set_next_hop;
        }
        size = UNDERLAY_ROUTES_V4_SIZE;
        implementation = paths_v4;
    }

    // As underlay_routes_v4.
    @name(".underlay_routes_v6") @id(0x22)
    table underlay_routes_v6 {
        key = {
            meta.lkp.dst : lpm @name("dst_address") @id(1);
            meta.flow_hash  : selector;
        }
        actions = {
            set_next_hop;
        }
        size = UNDERLAY_ROUTES_V6_SIZE;
        implementation = paths_v6;
    }

    apply {
        if (meta.is_transit == 1 && meta.lkp.kind == FRAME_IPV6) {
            underlay_routes_v6.apply();
        } else if (meta.is_transit == 1) {
            underlay_routes_v4.apply();
        } else if (meta.egress.port_index[15:15] == BEHIND_TUNNEL) {
            tunnel_next_hops.apply();
        }
    }
}

#endif
