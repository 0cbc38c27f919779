// SPDX-License-Identifier: Apache-2.0
// Where did the frame come in: on the fabric, or on a tenant's attachment?
#ifndef COMMON_CLASSIFY_P4
#define COMMON_CLASSIFY_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

control FabricPorts(in frame_headers_t hdr, inout metadata_t meta) {
    @name(".set_fabric") @id(0x01)
    action set_fabric(@id(1) tier_t tier) {
        meta.is_fabric = 1;
        meta.tier = tier;
    }

    @name(".set_transparent") @id(0x38)
    action set_transparent() {
        meta.egress.keeps_tag = 1;
    }

    // Written for each fabric link: the switch's router MAC, and the group addresses that it listens to (broadcast
    // for ARP). A miss means: not an underlay frame, access_ports decides.
    @name(".fabric_ports") @id(0x01)
    table fabric_ports {
        key = {
            meta.ingress_port     : exact @name("ingress_port") @id(1);
            hdr.ethernet.dst_addr : exact @name("dst_mac") @id(2);
        }
        actions = {
            set_fabric;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = FABRIC_PORTS_SIZE;
    }

    // Written for each untagged attachment whose subnet carries the tenant's own tags (docs/adr/0014). A miss means: the tag
    // chooses the attachment.
    @name(".transparent_ports") @id(0x28)
    table transparent_ports {
        key = {
            meta.ingress_port : exact @name("ingress_port") @id(1);
        }
        actions = {
            set_transparent;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = TRANSPARENT_PORTS_SIZE;
    }

    apply {
        if (hdr.vlan.isValid()) {
            if (transparent_ports.apply().miss) {
                meta.vlan_id = hdr.vlan.vlan_id;
            }
        } else {
            fabric_ports.apply();
        }
    }
}

control AccessPorts(in frame_headers_t hdr, inout metadata_t meta) {
    @name(".access_ports_counter") @id(0x01)
    table_counter_t(TABLE_COUNTER) access_ports_counter;

    @name(".set_access") @id(0x02)
    action set_access(
        @id(1) @refers_to(egress_ports, port_index) port_index_t port_index,
        @id(2) @refers_to(bridge_domains, bridge_domain) bridge_domain_t bridge_domain,
        @id(3) vrf_t vrf,
        @id(4) policy_label_t policy_label,
        @id(5) bit<16> mtu) {
        meta.is_access = 1;
        meta.is_guarded = 1;
        meta.port_index = port_index;
        meta.bridge_domain = bridge_domain;
        meta.vrf = vrf;
        meta.src_label = policy_label;
        meta.mtu = mtu;
        access_ports_counter.count();
    }

    // Refers to nothing: what comes from there never reaches egress.
    @name(".set_candidate") @id(0x31)
    action set_candidate(@id(1) port_index_t port_index, @id(2) bridge_domain_t bridge_domain) {
        meta.is_access = 1;
        meta.is_guarded = 1;
        meta.is_candidate = 1;
        meta.port_index = port_index;
        meta.bridge_domain = bridge_domain;
        access_ports_counter.count();
    }

    // Written for each bound port, and for each place where one may move to. VLAN 0 is the untagged frame. A miss drops:
    // nobody is attached there.
    @name(".access_ports") @id(0x02)
    table access_ports {
        key = {
            meta.ingress_port : exact @name("ingress_port") @id(1);
            meta.vlan_id      : exact @name("vlan_id") @id(2);
        }
        actions = {
            set_access;
            set_candidate;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = ACCESS_PORTS_SIZE;
        counters = access_ports_counter;
    }

    apply {
        if (meta.is_fabric == 0) {
            access_ports.apply();
        }
    }
}

// Frames for the controller. Not asked for what comes out of a tunnel.
control Traps(inout metadata_t meta) {
    @name(".traps_counter") @id(0x02)
    table_counter_t(TABLE_COUNTER) traps_counter;

    @name(".punt") @id(0x04)
    action punt(@id(1) bit<8> reason) {
        meta.is_trapped = 1;
        meta.egress.punt_reason = reason;
        traps_counter.count();
    }

    // Written for each protocol that the controller speaks itself (LLDP). A miss means: the frame goes on.
    @name(".traps") @id(0x03)
    table traps {
        key = {
            meta.is_fabric      : exact @name("is_fabric") @id(1);
            meta.lkp.ether_type : exact @name("ether_type") @id(2);
        }
        actions = {
            punt;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = TRAPS_SIZE;
        counters = traps_counter;
    }

    apply {
        if (meta.is_terminated == 0 && (meta.is_fabric == 1 || meta.is_access == 1)) {
            traps.apply();
        }
    }
}

#endif
