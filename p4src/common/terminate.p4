// SPDX-License-Identifier: Apache-2.0
// VXLAN tunnels that end here (RFC 7348). From here on a terminated frame is the inner one.
#ifndef COMMON_TERMINATE_P4
#define COMMON_TERMINATE_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

// Asked for every frame, because that costs Tofino nothing and waiting would: `admit` uses the answer for fabric frames.
control Vteps(in headers_t hdr, inout metadata_t meta) {
    @name(".terminate") @id(0x05)
    action terminate() {
        meta.is_local_vtep = 1;
    }

    // Written for each VTEP address of this switch. A miss means: transit, routed by the underlay.
    @name(".local_vteps_v4") @id(0x04)
    table local_vteps_v4 {
        key = {
            hdr.frame.ipv4.dst_addr : exact @name("dst_address") @id(1);
        }
        actions = {
            terminate;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = LOCAL_VTEPS_V4_SIZE;
    }

    // As local_vteps_v4.
    @name(".local_vteps_v6") @id(0x20)
    table local_vteps_v6 {
        key = {
            hdr.frame.ipv6.dst_addr : exact @name("dst_address") @id(1);
        }
        actions = {
            terminate;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = LOCAL_VTEPS_V6_SIZE;
    }

    @name(".set_peer") @id(0x06)
    action set_peer(
        @id(1) @refers_to(tunnels, tunnel_index) tunnel_index_t tunnel_index,
        @id(2) bit<1> is_trusted,
        @id(3) bit<1> is_gbp,
        @id(4) bit<1> is_dscp_uniform) {
        meta.is_peer = 1;
        meta.is_untrusted_peer = ~is_trusted;
        meta.is_gbp_peer = is_gbp;
        meta.egress.is_dscp_uniform = is_dscp_uniform;
        meta.peer_index = BEHIND_TUNNEL ++ tunnel_index;
    }

    // Written for each remote VTEP: our own leaves are trusted, foreign VTEPs are not. A miss drops.
    @name(".peer_vteps_v4") @id(0x05)
    table peer_vteps_v4 {
        key = {
            hdr.frame.ipv4.src_addr : exact @name("src_address") @id(1);
        }
        actions = {
            set_peer;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = PEER_VTEPS_V4_SIZE;
    }

    // As peer_vteps_v4.
    @name(".peer_vteps_v6") @id(0x21)
    table peer_vteps_v6 {
        key = {
            hdr.frame.ipv6.src_addr : exact @name("src_address") @id(1);
        }
        actions = {
            set_peer;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = PEER_VTEPS_V6_SIZE;
    }

    apply {
        if (hdr.frame.ipv4.isValid()) {
            local_vteps_v4.apply();
        } else if (hdr.frame.ipv6.isValid()) {
            local_vteps_v6.apply();
        }
        if (hdr.vxlan.isValid() && hdr.vxlan.flags[3:3] == 1) {
            if (hdr.frame.ipv4.isValid()) {
                peer_vteps_v4.apply();
            } else {
                peer_vteps_v6.apply();
            }
        }
    }
}

control Terminate(in headers_t hdr, inout metadata_t meta) {
    ReadTrafficClass() read_traffic_class;

    @name(".vni_map_counter") @id(0x03)
    table_counter_t(TABLE_COUNTER) vni_map_counter;

    @name(".set_vni") @id(0x08)
    action set_vni(
        @id(1) @refers_to(bridge_domains, bridge_domain) bridge_domain_t bridge_domain,
        @id(2) vrf_t vrf,
        @id(3) bit<16> mtu,
        @id(4) bit<1> is_vlan_transparent) {
        meta.is_vni = 1;
        meta.is_vlan_transparent = is_vlan_transparent;
        meta.bridge_domain = bridge_domain;
        meta.vrf = vrf;
        meta.mtu = mtu;
        vni_map_counter.count();
    }

    // Written for each VNI that is present on this switch. A miss drops: that subnet has no port here.
    @name(".vni_map") @id(0x06)
    table vni_map {
        key = {
            hdr.vxlan.vni : exact @name("vni") @id(1);
        }
        actions = {
            set_vni;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = VNI_MAP_SIZE;
        counters = vni_map_counter;
    }

    apply {
        meta.is_guarded = meta.is_untrusted_peer;
        meta.port_index = meta.peer_index;
        if (hdr.inner.vlan.isValid()) {
            meta.egress.keeps_tag = 1;
        }
        if (meta.is_peer == 1) {
            vni_map.apply();
        }
        if (hdr.frame.ipv4.isValid()) {
            meta.egress.outer_tos = hdr.frame.ipv4.tos;
        } else {
            read_traffic_class.apply(hdr.frame.ipv6, meta.egress.outer_tos);
        }
    }
}

#endif
