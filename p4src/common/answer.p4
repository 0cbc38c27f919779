// SPDX-License-Identifier: Apache-2.0
// Addresses that the switch itself has: the anycast gateway of a subnet, its own ends of fabric links (bridge domain 0).
#ifndef COMMON_ANSWER_P4
#define COMMON_ANSWER_P4

#include "metadata.p4"
#include "sizes.p4"

control Answer(inout metadata_t meta) {
    @name(".answer_gateway") @id(0x0d)
    action answer_gateway(@id(1) mac_addr_t mac) {
        meta.is_gateway = 1;
        meta.gateway_mac = mac;
    }

    // Written for each subnet present here and for each fabric link. A miss means: not the gateway's address.
    @name(".gateway_addresses_v4") @id(0x09)
    table gateway_addresses_v4 {
        key = {
            meta.bridge_domain : exact @name("bridge_domain") @id(1);
            meta.lkp.dst_v4    : exact @name("dst_address") @id(2);
        }
        actions = {
            answer_gateway;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = GATEWAY_ADDRESSES_V4_SIZE;
    }

    // As gateway_addresses_v4; a subnet's gateway has a link-local address too.
    @name(".gateway_addresses_v6") @id(0x17)
    table gateway_addresses_v6 {
        key = {
            meta.bridge_domain : exact @name("bridge_domain") @id(1);
            meta.lkp.dst_v6    : exact @name("dst_address") @id(2);
        }
        actions = {
            answer_gateway;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = GATEWAY_ADDRESSES_V6_SIZE;
    }

    apply {
        // The gateway is in none of the tenant's own VLANs.
        if (meta.egress.keeps_tag == 0) {
            if (meta.lkp.kind == FRAME_IPV6) {
                gateway_addresses_v6.apply();
            } else {
                gateway_addresses_v4.apply();
            }
        }
    }
}

// An ARP request or a neighbour solicitation is answered by way of its own reversal: back to where it came from, with the
// address that was asked for.
control Reply(inout metadata_t meta) {
    @hidden
    action reply() {
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.egress.egress_port = meta.ingress_port;
        meta.egress.port_index = meta.port_index;
    }

    @hidden
    action reply_arp() {
        reply();
        meta.egress.rewrite_mode = REWRITE_ARP_REPLY;
    }

    @hidden
    action reply_arp_for_gateway() {
        reply_arp();
        meta.egress.dst_mac = meta.gateway_mac;
    }

    @hidden
    action reply_nd(bit<1> is_dad) {
        reply();
        meta.egress.rewrite_mode = REWRITE_ND_REPLY;
        meta.egress.is_dad = is_dad;
    }

    @hidden
    action reply_nd_for_gateway(bit<1> is_dad) {
        reply_nd(is_dad);
        meta.egress.is_gateway = 1;
        meta.egress.dst_mac = meta.gateway_mac;
    }

    @hidden
    table replies {
        key = {
            meta.lkp.kind    : ternary;
            meta.is_gateway  : ternary;
            meta.source_kind : ternary;
        }
        actions = {
            reply_arp;
            reply_arp_for_gateway;
            reply_nd;
            reply_nd_for_gateway;
        }
        const entries = {
            (FRAME_ARP, 1, _)                  : reply_arp_for_gateway();
            (FRAME_ARP, _, _)                  : reply_arp();
            (_,         1, SOURCE_UNSPECIFIED) : reply_nd_for_gateway(1);
            (_,         1, _)                  : reply_nd_for_gateway(0);
            (_,         _, SOURCE_UNSPECIFIED) : reply_nd(1);
        }
        const default_action = reply_nd(0);
    }

    apply {
        replies.apply();
    }
}

#endif
