// SPDX-License-Identifier: Apache-2.0
// A sender uses only its own MAC and addresses: Ethernet, IPv4 and ARP. Runs for tenants' ports and foreign VTEPs.
#ifndef COMMON_GUARD_P4
#define COMMON_GUARD_P4

#include "metadata.p4"
#include "sizes.p4"

control Guard(inout metadata_t meta) {
    @name(".permit_source") @id(0x0a)
    action permit_source() {
    }

    @name(".permit_foreign_source") @id(0x0b)
    action permit_foreign_source(@id(1) policy_label_t policy_label) {
        meta.src_label = policy_label;
    }

    @name(".drop_spoof") @id(0x0c)
    action drop_spoof() {
        meta.drop_reason = DROP_SPOOF;
    }

    // Written for each MAC of a port: the sender of an ARP probe (RFC 5227), which has no address yet. A miss drops.
    @name(".source_guard_mac") @id(0x07)
    table source_guard_mac {
        key = {
            meta.port_index    : exact @name("port_index") @id(1);
            meta.bridge_domain : exact @name("bridge_domain") @id(2);
            meta.lkp.src_mac   : exact @name("src_mac") @id(3);
        }
        actions = {
            permit_source;
            permit_foreign_source;
            @defaultonly drop_spoof;
        }
        const default_action = drop_spoof;
        size = SOURCE_GUARD_MAC_SIZE;
    }

    // Written for each MAC and address pair of a port: the source of its IPv4, the sender of its ARP. A miss drops.
    @name(".source_guard_v4") @id(0x08)
    table source_guard_v4 {
        key = {
            meta.port_index      : exact @name("port_index") @id(1);
            meta.bridge_domain   : exact @name("bridge_domain") @id(2);
            meta.lkp.src_mac     : exact @name("src_mac") @id(3);
            meta.lkp.src_address : exact @name("src_address") @id(4);
        }
        actions = {
            permit_source;
            permit_foreign_source;
            @defaultonly drop_spoof;
        }
        const default_action = drop_spoof;
        size = SOURCE_GUARD_V4_SIZE;
    }

    apply {
        // In two steps: one condition of Tofino's sees less than 48 bits.
        if (meta.lkp.sender_difference[47:32] != 0) {
            meta.drop_reason = DROP_SPOOF;
        } else if (meta.lkp.sender_difference[31:0] != 0) {
            meta.drop_reason = DROP_SPOOF;
        } else if (meta.lkp.is_arp == 1 && meta.lkp.src_address == 0) {
            source_guard_mac.apply();
        } else {
            source_guard_v4.apply();
        }
    }
}

#endif
