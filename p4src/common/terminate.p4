// SPDX-License-Identifier: Apache-2.0
// VXLAN tunnels that end here (RFC 7348). Runs for fabric frames; from here on a terminated frame is the inner one.
#ifndef COMMON_TERMINATE_P4
#define COMMON_TERMINATE_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

control Terminate(in headers_t hdr, inout metadata_t meta) {
    @name(".vni_map_counter") @id(0x03)
    table_counter_t(TABLE_COUNTER) vni_map_counter;

    @name(".terminate") @id(0x05)
    action terminate() {
        meta.is_terminated = 1;
    }

    // Written for each VTEP address of this switch. A miss means: transit, routed by the underlay.
    @name(".local_vteps_v4") @id(0x04)
    table local_vteps_v4 {
        key = {
            hdr.ipv4.dst_addr : exact @name("dst_address") @id(1);
        }
        actions = {
            terminate;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = LOCAL_VTEPS_V4_SIZE;
    }

    @name(".set_peer") @id(0x06)
    action set_peer(
        @id(1) @refers_to(tunnels, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) bit<1> is_trusted) {
        meta.is_guarded = ~is_trusted;
        meta.src_tunnel = tunnel_index;
        meta.port_index = BEHIND_TUNNEL ++ tunnel_index[14:0];
    }

    @name(".drop_unknown_vtep") @id(0x07)
    action drop_unknown_vtep() {
        meta.drop_reason = DROP_UNKNOWN_VTEP;
    }

    // Written for each remote VTEP: our own leaves are trusted, foreign VTEPs are not. A miss drops.
    @name(".peer_vteps_v4") @id(0x05)
    table peer_vteps_v4 {
        key = {
            hdr.ipv4.src_addr : exact @name("src_address") @id(1);
        }
        actions = {
            set_peer;
            @defaultonly drop_unknown_vtep;
        }
        const default_action = drop_unknown_vtep;
        size = PEER_VTEPS_V4_SIZE;
    }

    @name(".set_vni") @id(0x08)
    action set_vni(
        @id(1) @refers_to(bridge_domains, bridge_domain) bridge_domain_t bridge_domain,
        @id(2) vrf_t vrf) {
        meta.bridge_domain = bridge_domain;
        meta.vrf = vrf;
        vni_map_counter.count();
    }

    @name(".drop_unknown_vni") @id(0x09)
    action drop_unknown_vni() {
        meta.drop_reason = DROP_UNKNOWN_VNI;
    }

    // Written for each VNI that is present on this switch. A miss drops: that subnet has no port here.
    @name(".vni_map") @id(0x06)
    table vni_map {
        key = {
            hdr.vxlan.vni : exact @name("vni") @id(1);
        }
        actions = {
            set_vni;
            @defaultonly drop_unknown_vni;
        }
        const default_action = drop_unknown_vni;
        size = VNI_MAP_SIZE;
        counters = vni_map_counter;
    }

    apply {
        if (hdr.ipv4.isValid()) {
            local_vteps_v4.apply();
            if (meta.is_terminated == 1) {
                if (hdr.ethernet.dst_addr[40:40] == 1) {
                    meta.drop_reason = DROP_BROADCAST;
                } else if (hdr.ipv4.version_ihl[7:4] != 4 || hdr.ipv4.version_ihl[3:2] == 0
                    || hdr.ipv4.version_ihl[3:0] == 4
                    || (hdr.ipv4.version_ihl == IPV4_VERSION_IHL && meta.is_bad_checksum == 1)) {
                    meta.drop_reason = DROP_IPV4_HEADER;
                } else if (hdr.ipv4.flags[0:0] == 1 || hdr.ipv4.fragment_offset != 0) {
                    meta.drop_reason = DROP_OUTER_FRAGMENT;
                } else if (!hdr.udp.isValid() || hdr.udp.dst_port != UDP_PORT_VXLAN) {
                    meta.drop_reason = DROP_NOT_VXLAN;
                } else if (meta.is_parser_error == 1) {
                    meta.drop_reason = DROP_MALFORMED;
                } else if (hdr.vxlan.flags[3:3] == 0) {
                    meta.drop_reason = DROP_VXLAN_FLAGS;
                } else {
                    peer_vteps_v4.apply();
                    if (meta.drop_reason == DROP_NONE) {
                        vni_map.apply();
                    }
                    if (meta.drop_reason == DROP_NONE && hdr.inner_vlan.isValid()) {
                        meta.drop_reason = DROP_INNER_VLAN;
                    }
                }
            }
        }
    }
}

#endif
