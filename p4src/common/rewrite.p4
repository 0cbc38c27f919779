// SPDX-License-Identifier: Apache-2.0
// Changes the tenant's frame as ingress decided: VLAN tag, MAC addresses, time to live, ARP reply.
#ifndef COMMON_REWRITE_P4
#define COMMON_REWRITE_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

// IPv4 lengths against the frame (RFC 791): the header fits the datagram, the datagram fits the frame. Here and not
// in ingress, because a switch that cuts through does not know the frame's length there.
control LengthCheck(in headers_t hdr, inout metadata_t meta) {
    bit<16> room;
    bit<16> header_bytes;
    bit<16> missing_in_frame;
    bit<16> missing_in_datagram;

    // Actions, because on Tofino a comparison takes what an earlier action has calculated.
    @hidden
    action measure() {
        room = meta.frame_length - ETHERNET_BYTES;
        header_bytes = 10w0 ++ hdr.ipv4.version_ihl[3:0] ++ 2w0;
    }

    @hidden
    action compare() {
        missing_in_frame = hdr.ipv4.total_length |-| room;
        missing_in_datagram = header_bytes |-| hdr.ipv4.total_length;
    }

    apply {
        if (hdr.ipv4.isValid()) {
            measure();
            compare();
            if (missing_in_frame != 0 || missing_in_datagram != 0) {
                meta.drop_reason = DROP_IPV4_HEADER;
            }
        }
    }
}

control Rewrite(inout headers_t hdr, inout metadata_t meta) {
    @name(".egress_ports_counter") @id(0x07)
    table_counter_t(TABLE_COUNTER) egress_ports_counter;

    LengthCheck() length_check;

    @name(".set_bridge_domain") @id(0x1c)
    action set_bridge_domain(@id(1) vni_t vni, @id(2) mac_addr_t gateway_mac) {
        meta.vni = vni;
        meta.gateway_mac = gateway_mac;
    }

    @name(".drop_unknown_bridge_domain") @id(0x1d)
    action drop_unknown_bridge_domain() {
        meta.drop_reason = DROP_UNKNOWN_BRIDGE_DOMAIN;
    }

    // Written for each subnet that packets leave into. A miss drops: a mapping names a subnet that is not there.
    @name(".bridge_domains") @id(0x12)
    table bridge_domains {
        key = {
            meta.egress.bridge_domain : exact @name("bridge_domain") @id(1);
        }
        actions = {
            set_bridge_domain;
            @defaultonly drop_unknown_bridge_domain;
        }
        const default_action = drop_unknown_bridge_domain;
        size = BRIDGE_DOMAINS_SIZE;
    }

    @name(".set_untagged") @id(0x1e)
    action set_untagged() {
        egress_ports_counter.count();
    }

    @name(".set_tagged") @id(0x1f)
    action set_tagged(@id(1) vlan_id_t vlan_id) {
        hdr.vlan.setValid();
        hdr.vlan.priority = 0;
        hdr.vlan.drop_eligible = 0;
        hdr.vlan.vlan_id = vlan_id;
        hdr.vlan.ether_type = hdr.ethernet.ether_type;
        hdr.ethernet.ether_type = ETHER_TYPE_VLAN;
        egress_ports_counter.count();
    }

    // Written for each bound port. A miss means: sent untagged.
    @name(".egress_ports") @id(0x13)
    table egress_ports {
        key = {
            meta.egress.port_index : exact @name("port_index") @id(1);
        }
        actions = {
            set_untagged;
            set_tagged;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = EGRESS_PORTS_SIZE;
        counters = egress_ports_counter;
    }

    apply {
        if (hdr.vlan.isValid()) {
            hdr.ethernet.ether_type = hdr.vlan.ether_type;
            hdr.vlan.setInvalid();
            meta.frame_length = meta.frame_length - VLAN_BYTES;
        }
        length_check.apply(hdr, meta);
        if (meta.drop_reason == DROP_NONE
            && (meta.egress.rewrite_mode == REWRITE_ROUTED || meta.egress.is_encapsulated == 1)) {
            bridge_domains.apply();
        }
        if (meta.egress.rewrite_mode == REWRITE_ARP_REPLY) {
            ipv4_addr_t asked_for = hdr.arp.target_address;
            hdr.arp.operation = ARP_REPLY;
            hdr.arp.target_address = hdr.arp.sender_address;
            hdr.arp.sender_address = asked_for;
            hdr.arp.target_mac = hdr.arp.sender_mac;
            hdr.arp.sender_mac = meta.egress.dst_mac;
            hdr.ethernet.dst_addr = hdr.ethernet.src_addr;
            hdr.ethernet.src_addr = meta.egress.dst_mac;
        } else if (meta.egress.rewrite_mode == REWRITE_ROUTED) {
            hdr.ethernet.dst_addr = meta.egress.dst_mac;
            hdr.ethernet.src_addr = meta.gateway_mac;
        }
        if (meta.egress.rewrite_mode == REWRITE_ROUTED || meta.egress.rewrite_mode == REWRITE_TRANSIT) {
            // The checksum moves by what the time to live moves (RFC 1624), so that a header that was damaged on the
            // way stays recognisable, and options need no attention. From 0xfeff on the sum needs an end-around carry.
            if (hdr.ipv4.checksum[15:8] == 0xff || hdr.ipv4.checksum == 0xfeff) {
                hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0101;
            } else {
                hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0100;
            }
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        }
        if (meta.drop_reason == DROP_NONE && meta.egress.is_encapsulated == 0
            && meta.egress.rewrite_mode != REWRITE_TRANSIT) {
            egress_ports.apply();
        }
    }
}

#endif
