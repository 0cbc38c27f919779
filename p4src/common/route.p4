// SPDX-License-Identifier: Apache-2.0
// Where the destination is. ARP asks the same tables as IPv4 does, with the target as the address to look up.
//
//   transit ----------------------------------------------------> underlay
//   ARP     -> hosts_v4 -> reply to the asker
//   IPv4    -> router_macs -hit-> hosts_v4 -miss-> routes_v4 -+-> egress port, or tunnel
//                          -miss-> bridge --------------------+
#ifndef COMMON_ROUTE_P4
#define COMMON_ROUTE_P4

#include "metadata.p4"
#include "sizes.p4"

control Route(inout metadata_t meta) {
    @name(".route") @id(0x0e)
    action route() {
        meta.is_routed = 1;
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
        @id(1) @refers_to(tunnels, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) @refers_to(bridge_domains, bridge_domain) bridge_domain_t bridge_domain,
        @id(3) mac_addr_t mac,
        @id(4) policy_label_t policy_label) {
        meta.is_known = 1;
        meta.egress.is_encapsulated = 1;
        meta.dst_tunnel = tunnel_index;
        meta.egress.port_index = BEHIND_TUNNEL ++ tunnel_index[14:0];
        meta.egress.bridge_domain = bridge_domain;
        meta.egress.dst_mac = mac;
        meta.dst_label = policy_label;
    }

    // Written for each address in a VPC that has a port here. A miss means: routes_v4 decides.
    @name(".hosts_v4") @id(0x0b)
    table hosts_v4 {
        key = {
            meta.vrf             : exact @name("vrf") @id(1);
            meta.lkp.dst_address : exact @name("dst_address") @id(2);
        }
        actions = {
            set_local_host;
            set_remote_host;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = HOSTS_V4_SIZE;
    }

    @name(".drop_route") @id(0x11)
    action drop_route() {
        meta.drop_reason = DROP_NO_ROUTE;
    }

    // Written for each static route of a VPC, with the next hop resolved. A miss drops.
    @name(".routes_v4") @id(0x0c)
    table routes_v4 {
        key = {
            meta.vrf             : exact @name("vrf") @id(1);
            meta.lkp.dst_address : lpm @name("dst_address") @id(2);
        }
        actions = {
            set_local_host;
            set_remote_host;
            drop_route;
        }
        const default_action = drop_route;
        size = ROUTES_V4_SIZE;
    }

    @name(".set_local_mac") @id(0x12)
    action set_local_mac(
        @id(1) port_id_t egress_port,
        @id(2) @refers_to(egress_ports, port_index) port_index_t port_index,
        @id(3) policy_label_t policy_label) {
        meta.egress.egress_port = egress_port;
        meta.egress.port_index = port_index;
        meta.dst_label = policy_label;
    }

    @name(".set_remote_mac") @id(0x13)
    action set_remote_mac(
        @id(1) @refers_to(tunnels, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) policy_label_t policy_label) {
        meta.egress.is_encapsulated = 1;
        meta.dst_tunnel = tunnel_index;
        meta.egress.port_index = BEHIND_TUNNEL ++ tunnel_index[14:0];
        meta.dst_label = policy_label;
    }

    @name(".drop_unknown_destination") @id(0x14)
    action drop_unknown_destination() {
        meta.drop_reason = DROP_UNKNOWN_DESTINATION;
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
            @defaultonly drop_unknown_destination;
        }
        const default_action = drop_unknown_destination;
        size = BRIDGE_SIZE;
    }

    apply {
        if (meta.lkp.is_ipv4 == 1) {
            router_macs.apply();
        }
        if (meta.is_routed == 1 && meta.lkp.ttl[7:1] == 0) {
            meta.drop_reason = DROP_TTL;
        } else if (meta.lkp.is_arp == 1 || meta.is_routed == 1) {
            meta.egress.rewrite_mode = REWRITE_ROUTED;
            hosts_v4.apply();
            if (meta.is_routed == 1 && meta.is_known == 0) {
                routes_v4.apply();
            }
        } else {
            meta.egress.rewrite_mode = REWRITE_BRIDGED;
            meta.egress.bridge_domain = meta.bridge_domain;
            bridge.apply();
        }
    }
}

// Turns an ARP request into its reply: back to where it came from, with the address that was asked for.
control ArpReply(inout metadata_t meta) {
    apply {
        if (meta.lkp.is_arp_request == 0 || (meta.is_terminated == 1 && meta.is_guarded == 0)) {
            // Replies teach nobody anything here, and a leaf of ours answers its own ports' requests.
            meta.drop_reason = DROP_ARP_UNKNOWN;
        } else if (meta.is_gateway == 1) {
            meta.egress.dst_mac = meta.gateway_mac;
        } else if (meta.is_known == 0 || meta.egress.bridge_domain != meta.bridge_domain
            || meta.egress.port_index == meta.port_index) {
            meta.drop_reason = DROP_ARP_UNKNOWN;
        }
        meta.egress.rewrite_mode = REWRITE_ARP_REPLY;
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.egress.egress_port = meta.ingress_port;
        meta.egress.port_index = meta.port_index;
        meta.egress.is_encapsulated = meta.is_terminated;
        meta.dst_tunnel = meta.src_tunnel;
    }
}

#endif
