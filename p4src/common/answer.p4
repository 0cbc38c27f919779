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
    @name(".gateway_addresses") @id(0x09)
    table gateway_addresses {
        key = {
            meta.bridge_domain   : exact @name("bridge_domain") @id(1);
            meta.lkp.dst_address : exact @name("dst_address") @id(2);
        }
        actions = {
            answer_gateway;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = GATEWAY_ADDRESSES_SIZE;
    }

    apply {
        gateway_addresses.apply();
        if (meta.is_gateway == 1 && meta.lkp.is_arp == 0) {
            meta.drop_reason = DROP_TO_GATEWAY;
        }
    }
}

#endif
