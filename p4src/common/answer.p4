// SPDX-License-Identifier: Apache-2.0
// Addresses that the switch itself has: the anycast gateway of a subnet, its own ends of fabric links (bridge domain 0).
#ifndef COMMON_ANSWER_P4
#define COMMON_ANSWER_P4

#include "metadata.p4"
#include "sizes.p4"

control Answer(inout metadata_t meta) {
    @name(".answer_gateway") @id(0x0d)
    action answer_gateway() {
        meta.is_gateway = 1;
    }

    // Written for each subnet present here and for each fabric link. A miss means: not the gateway's address.
    @name(".gateway_addresses_v4") @id(0x09)
    table gateway_addresses_v4 {
        key = {
            meta.bridge_domain : exact @name("bridge_domain") @id(1);
            meta.lkp.dst[31:0]    : exact @name("dst_address") @id(2);
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
            meta.lkp.dst    : exact @name("dst_address") @id(2);
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
        if (meta.egress.keeps_tag == 0 && meta.lkp.kind == FRAME_IPV6) {
            gateway_addresses_v6.apply();
        } else if (meta.egress.keeps_tag == 0) {
            gateway_addresses_v4.apply();
        }
    }
}

#endif
