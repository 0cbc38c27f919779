// SPDX-License-Identifier: Apache-2.0
// Puts what leaves through the fabric into its Ethernet frame, and a tenant's frame into VXLAN (RFC 7348) first.
#ifndef COMMON_ENCAP_P4
#define COMMON_ENCAP_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

control Encap(inout added_headers_t added, inout headers_t hdr, inout metadata_t meta) {
    @name(".set_neighbor") @id(0x20)
    action set_neighbor(@id(1) mac_addr_t src_mac, @id(2) mac_addr_t dst_mac) {
        added.encap_ethernet.setValid();
        added.encap_ethernet.src_addr = src_mac;
        added.encap_ethernet.dst_addr = dst_mac;
        added.encap_ethernet.ether_type = ETHER_TYPE_IPV4;
    }

    @name(".drop_no_neighbor") @id(0x22)
    action drop_no_neighbor() {
        meta.drop_reason = DROP_NO_NEIGHBOR;
    }

    // Written for each fabric link. A miss drops: a route leads to a port without a neighbour.
    @name(".neighbors") @id(0x14)
    table neighbors {
        key = {
            meta.egress.egress_port : exact @name("egress_port") @id(1);
        }
        actions = {
            set_neighbor;
            @defaultonly drop_no_neighbor;
        }
        const default_action = drop_no_neighbor;
        size = NEIGHBORS_SIZE;
    }

    apply {
        neighbors.apply();
        if (meta.egress.is_encapsulated == 1) {
            added.encap_ipv4.setValid();
            added.encap_ipv4.version_ihl = IPV4_VERSION_IHL;
            added.encap_ipv4.tos = 0;
            added.encap_ipv4.total_length = meta.frame_length + ENCAP_IPV4_BYTES;
            added.encap_ipv4.identification = 0;
            added.encap_ipv4.flags = IPV4_DONT_FRAGMENT;
            added.encap_ipv4.fragment_offset = 0;
            added.encap_ipv4.ttl = ENCAP_TTL;
            added.encap_ipv4.protocol = IP_PROTOCOL_UDP;
            added.encap_ipv4.checksum = 0; // set on the way out
            added.encap_ipv4.src_addr = meta.egress.tunnel_src;
            added.encap_ipv4.dst_addr = meta.egress.tunnel_dst;
            added.encap_udp.setValid();
            added.encap_udp.src_port = 2w3 ++ meta.egress.entropy; // 49152-65535
            added.encap_udp.dst_port = UDP_PORT_VXLAN;
            added.encap_udp.length = meta.frame_length + ENCAP_UDP_BYTES;
            added.encap_udp.checksum = 0;
            added.encap_vxlan.setValid();
            added.encap_vxlan.flags = VXLAN_FLAGS;
            added.encap_vxlan.reserved = 0;
            added.encap_vxlan.vni = meta.vni;
            added.encap_vxlan.reserved2 = 0;
        } else {
            hdr.ethernet.setInvalid();
        }
    }
}

#endif
