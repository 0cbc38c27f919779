// SPDX-License-Identifier: Apache-2.0
// The way through the fabric: tunnel end points, then equal-cost next hops towards them.
#ifndef COMMON_UNDERLAY_P4
#define COMMON_UNDERLAY_P4

#include "metadata.p4"
#include "sizes.p4"

control Underlay(inout metadata_t meta)(selector_t next_hops) {
    @name(".tunnels_counter") @id(0x05)
    table_counter_t(TABLE_COUNTER) tunnels_counter;

    @name(".set_tunnel") @id(0x18)
    action set_tunnel(@id(1) ipv4_addr_t src_address, @id(2) ipv4_addr_t dst_address) {
        meta.egress.tunnel_src = src_address;
        meta.egress.tunnel_dst = dst_address;
        meta.underlay_address = dst_address;
        tunnels_counter.count();
    }

    @name(".drop_no_tunnel") @id(0x19)
    action drop_no_tunnel() {
        meta.drop_reason = DROP_NO_TUNNEL;
    }

    // Written for each remote VTEP. A miss drops: a mapping names a tunnel that is not there.
    @name(".tunnels") @id(0x0f)
    table tunnels {
        key = {
            meta.dst_tunnel : exact @name("tunnel_index") @id(1);
        }
        actions = {
            set_tunnel;
            @defaultonly drop_no_tunnel;
        }
        const default_action = drop_no_tunnel;
        size = TUNNELS_SIZE;
        counters = tunnels_counter;
    }

    @name(".set_next_hop") @id(0x1a)
    action set_next_hop(@id(1) @refers_to(neighbors, egress_port) port_id_t egress_port) {
        meta.egress.egress_port = egress_port;
    }

    // Written for each underlay prefix: VTEPs of other leaves, links. A miss drops. The default action is left to the
    // language (none): v1model refuses to hear one for a table with a selector.
    @name(".underlay_routes") @id(0x10)
    table underlay_routes {
        key = {
            meta.underlay_address : lpm @name("dst_address") @id(1);
            meta.flow_hash        : selector;
        }
        actions = {
            set_next_hop;
        }
        size = UNDERLAY_ROUTES_SIZE;
        implementation = next_hops;
    }

    apply {
        if (meta.egress.is_encapsulated == 1) {
            tunnels.apply();
        } else {
            meta.underlay_address = meta.lkp.dst_address;
        }
        if (meta.drop_reason == DROP_NONE) {
            if (!underlay_routes.apply().hit) {
                meta.drop_reason = DROP_NO_UNDERLAY_ROUTE;
            }
        }
    }
}

#endif
