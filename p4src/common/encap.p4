// SPDX-License-Identifier: Apache-2.0
// Puts what leaves through the fabric into its Ethernet frame, and a tenant's frame into VXLAN (RFC 7348) first.
#ifndef COMMON_ENCAP_P4
#define COMMON_ENCAP_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

control Encap(inout headers_t hdr, inout metadata_t meta) {
    @name(".set_neighbor") @id(0x20)
    action set_neighbor(@id(1) mac_addr_t src_mac, @id(2) mac_addr_t dst_mac) {
        hdr.encap_ethernet.setValid();
        hdr.encap_ethernet.src_addr = src_mac;
        hdr.encap_ethernet.dst_addr = dst_mac;
        hdr.encap_ethernet.ether_type = ETHER_TYPE_IPV4;
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
            hdr.encap_ipv4.setValid();
            hdr.encap_ipv4.version_ihl = IPV4_VERSION_IHL;
            hdr.encap_ipv4.tos = 0;
            hdr.encap_ipv4.total_length = meta.frame_length + ENCAP_IPV4_BYTES;
            hdr.encap_ipv4.identification = 0;
            hdr.encap_ipv4.flags = IPV4_DONT_FRAGMENT;
            hdr.encap_ipv4.fragment_offset = 0;
            hdr.encap_ipv4.ttl = ENCAP_TTL;
            hdr.encap_ipv4.protocol = IP_PROTOCOL_UDP;
            hdr.encap_ipv4.checksum = 0; // set on the way out
            hdr.encap_ipv4.src_addr = meta.egress.tunnel_src;
            hdr.encap_ipv4.dst_addr = meta.egress.tunnel_dst;
            hdr.encap_udp.setValid();
            hdr.encap_udp.src_port = 2w3 ++ meta.egress.entropy; // 49152-65535
            hdr.encap_udp.dst_port = UDP_PORT_VXLAN;
            hdr.encap_udp.length = meta.frame_length + ENCAP_UDP_BYTES;
            hdr.encap_udp.checksum = 0;
            hdr.encap_vxlan.setValid();
            hdr.encap_vxlan.flags = VXLAN_FLAGS;
            hdr.encap_vxlan.reserved = 0;
            hdr.encap_vxlan.vni = meta.vni;
            hdr.encap_vxlan.reserved2 = 0;
        } else {
            hdr.ethernet.setInvalid();
        }
    }
}

#endif
