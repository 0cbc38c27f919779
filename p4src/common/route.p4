// SPDX-License-Identifier: Apache-2.0
// Where the destination is. ARP and neighbour discovery ask the same tables as IP does, with the target as the address to
// look up.
//
//   ARP, ND -> hosts_* (a link-local target: bridge) -> reply to the asker
//   IP      -> hosts_* -> router_macs -hit-> what hosts_* says, or routes_* -+-> egress port, or tunnel
//                                     -miss-> bridge ------------------------+
//                                     -miss, group address-> flood -> multicast group
#ifndef COMMON_ROUTE_P4
#define COMMON_ROUTE_P4

#include "metadata.p4"
#include "sizes.p4"

control Route(inout metadata_t meta) {
    @name(".route") @id(0x0e)
    action route() {
        meta.is_routed = 1;
        meta.egress.rewrite_mode = REWRITE_ROUTED;
    }

    // Written for the anycast gateway MAC of each subnet present here. A miss means: bridged.
    @name(".router_macs") @id(0x0a)
    table router_macs {
        key = {
            meta.bridge_domain : exact @name("bridge_domain") @id(1);
            meta.lkp.dst_mac   : exact @name("dst_mac") @id(2);
        }
        actions = {
            route;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = ROUTER_MACS_SIZE;
    }

    @name(".set_local_host") @id(0x0f)
    action set_local_host(
        @id(1) port_id_t egress_port,
        @id(2) @refers_to(egress_ports, port_index) port_index_t port_index,
        @id(3) @refers_to(bridge_domains, bridge_domain) bridge_domain_t bridge_domain,
        @id(4) mac_addr_t mac,
        @id(5) policy_label_t policy_label) {
        meta.is_known = 1;
        meta.egress.egress_port = egress_port;
        meta.egress.port_index = port_index;
        meta.egress.bridge_domain = bridge_domain;
        meta.egress.dst_mac = mac;
        meta.dst_label = policy_label;
    }

    @name(".set_remote_host") @id(0x10)
    action set_remote_host(
        @id(1) @refers_to(tunnels, tunnel_index) @refers_to(tunnel_next_hops, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) @refers_to(bridge_domains, bridge_domain) bridge_domain_t bridge_domain,
        @id(3) mac_addr_t mac,
        @id(4) policy_label_t policy_label) {
        meta.is_known = 1;
        meta.egress.port_index = BEHIND_TUNNEL ++ tunnel_index;
        meta.egress.bridge_domain = bridge_domain;
        meta.egress.dst_mac = mac;
        meta.dst_label = policy_label;
    }

    // Written for each address in a VPC that has a port here. A miss means: routes_* decides.
    @name(".hosts_v4") @id(0x0b)
    table hosts_v4 {
        key = {
            meta.vrf        : exact @name("vrf") @id(1);
            meta.lkp.dst[31:0] : exact @name("dst_address") @id(2);
        }
        actions = {
            set_local_host;
            set_remote_host;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = HOSTS_V4_SIZE;
    }

    // As hosts_v4.
    @name(".hosts_v6") @id(0x18)
    table hosts_v6 {
        key = {
            meta.vrf        : exact @name("vrf") @id(1);
            meta.lkp.dst : exact @name("dst_address") @id(2);
        }
        actions = {
            set_local_host;
            set_remote_host;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = HOSTS_V6_SIZE;
    }

    @name(".drop_route") @id(0x11)
    action drop_route() {
    }

    // Written for each static route of a VPC, with the next hop resolved. A miss drops, if hosts_v4 does not know better.
    @name(".routes_v4") @id(0x0c)
    table routes_v4 {
        key = {
            meta.vrf        : exact @name("vrf") @id(1);
            meta.lkp.dst[31:0] : lpm @name("dst_address") @id(2);
        }
        actions = {
            set_local_host;
            set_remote_host;
            drop_route;
        }
        const default_action = drop_route;
        size = ROUTES_V4_SIZE;
    }

    // As routes_v4.
    @name(".routes_v6") @id(0x19)
    table routes_v6 {
        key = {
            meta.vrf        : exact @name("vrf") @id(1);
            meta.lkp.dst : lpm @name("dst_address") @id(2);
        }
        actions = {
            set_local_host;
            set_remote_host;
            drop_route;
        }
        const default_action = drop_route;
        size = ROUTES_V6_SIZE;
    }

    @name(".set_local_mac") @id(0x12)
    action set_local_mac(
        @id(1) port_id_t egress_port,
        @id(2) @refers_to(egress_ports, port_index) port_index_t port_index,
        @id(3) policy_label_t policy_label) {
        meta.is_station = 1;
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.egress.dst_mac = meta.lkp.dst_mac;
        meta.egress.egress_port = egress_port;
        meta.egress.port_index = port_index;
        meta.dst_label = policy_label;
    }

    @name(".set_remote_mac") @id(0x13)
    action set_remote_mac(
        @id(1) @refers_to(tunnels, tunnel_index) @refers_to(tunnel_next_hops, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) policy_label_t policy_label) {
        meta.is_station = 1;
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.egress.dst_mac = meta.lkp.dst_mac;
        meta.egress.port_index = BEHIND_TUNNEL ++ tunnel_index;
        meta.dst_label = policy_label;
    }

    // The station has moved away from here, and not every leaf knows: what they still send here goes on.
    @name(".redirect_mac") @id(0x30)
    action redirect_mac(
        @id(1) @refers_to(tunnels, tunnel_index) @refers_to(tunnel_next_hops, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) policy_label_t policy_label) {
        meta.is_station = 1;
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.egress.dst_mac = meta.lkp.dst_mac;
        meta.is_moved = 1;
        meta.egress.port_index = BEHIND_TUNNEL ++ tunnel_index;
        meta.dst_label = policy_label;
    }

    // Written for each MAC in a subnet that is present here. A miss drops: all MACs are known from intent.
    @name(".bridge") @id(0x0d)
    table bridge {
        key = {
            meta.bridge_domain : exact @name("bridge_domain") @id(1);
            meta.lkp.dst_mac   : exact @name("dst_mac") @id(2);
        }
        actions = {
            set_local_mac;
            set_remote_mac;
            redirect_mac;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = BRIDGE_SIZE;
    }

    @name(".set_flood_group") @id(0x23)
    action set_flood_group(@id(1) @refers_to(multicast_group_table, multicast_group_id) bit<16> group) {
        meta.is_station = 1;
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.is_flooded = 1;
        meta.egress.rewrite_mode = REWRITE_FLOODED;
        meta.egress.port_index = group;
    }

    // Written for each subnet that carries broadcast: everybody, and - for what comes out of a tunnel - the members here.
    // A miss drops: the subnet does not flood.
    @name(".flood") @id(0x1a)
    table flood {
        key = {
            meta.bridge_domain : exact @name("bridge_domain") @id(1);
            meta.is_terminated : exact @name("is_terminated") @id(2);
        }
        actions = {
            set_flood_group;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = FLOOD_SIZE;
    }

    apply {
        // Also for what turns out to be bridged: waiting for router_macs would cost a stage.
        if (meta.lkp.kind == FRAME_IPV6) {
            hosts_v6.apply();
        } else {
            hosts_v4.apply();
        }
        if (meta.lkp.kind != FRAME_ARP && meta.egress.keeps_tag == 0) {
            router_macs.apply();
        }
        if (meta.is_routed == 1 && meta.is_known == 0 && meta.lkp.is_query == 0 && meta.lkp.kind == FRAME_IPV6) {
            routes_v6.apply();
        } else if (meta.is_routed == 1 && meta.is_known == 0 && meta.lkp.is_query == 0) {
            routes_v4.apply();
        } else if (meta.is_routed == 0 && (meta.lkp.is_query == 0 || meta.lkp.is_eui64_query == 1)
            && meta.lkp.dst_mac[40:40] == 1) {
            flood.apply();
        } else if (meta.is_routed == 0 && (meta.lkp.is_query == 0 || meta.lkp.is_eui64_query == 1)) {
            bridge.apply();
        }
    }
}

#endif
