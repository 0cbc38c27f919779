// SPDX-License-Identifier: Apache-2.0
// Security groups: what may pass between two policy labels. Runs where a packet enters the fabric.
#ifndef COMMON_POLICY_P4
#define COMMON_POLICY_P4

#include "metadata.p4"
#include "sizes.p4"

control Policy(inout metadata_t meta) {
    @name(".policy_counter") @id(0x04)
    table_counter_t(TABLE_COUNTER) policy_counter;

    @name(".permit") @id(0x15)
    action permit() {
        policy_counter.count();
    }

    @name(".deny") @id(0x16)
    action deny() {
        meta.is_policy_denied = 1;
        policy_counter.count();
    }

    @name(".ask_flow_state") @id(0x17)
    action ask_flow_state() {
        meta.egress.is_unruled = 1;
    }

    // Written for each compiled rule between labels that meet on this switch. A miss drops what is
    // no reply of a flow on record (flow_state): deny is the default. `deny` is final, also for replies. A rule
    // about ports or ICMP types asks for has_l4: a later fragment shows neither and must not pass as port 0.
    @entries_with_ranges(204) @name(".policy") @id(0x0e)
    table policy {
        key = {
            meta.src_label       : ternary @name("src_label") @id(1);
            meta.dst_label       : ternary @name("dst_label") @id(2);
            meta.lkp.ip_protocol : ternary @name("ip_protocol") @id(3);
            meta.lkp.l4_dst_port : range @name("l4_dst_port") @id(4);
            meta.lkp.has_l4      : ternary @name("has_l4") @id(5);
        }
        actions = {
            permit;
            deny;
            @defaultonly ask_flow_state;
        }
        const default_action = ask_flow_state;
        size = POLICY_SIZE;
        counters = policy_counter;
    }

    apply {
        if (meta.is_guarded == 1 && meta.lkp.is_query == 0 && meta.lkp.kind != FRAME_ARP && meta.is_flooded == 0) {
            policy.apply();
        }
    }
}

#endif
