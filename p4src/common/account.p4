// SPDX-License-Identifier: Apache-2.0
// Every dropped packet is counted once, by its reason. The controller may be shown what is dropped, as samples or because the
// reason wants an answer that a pipeline cannot write (ICMP errors, echo replies), and what a rule of a network ACL logs: all
// within a rate for each reason. What ingress drops is sent there as it came; of what else is shown a copy is made (ADR 16).
#ifndef COMMON_ACCOUNT_P4
#define COMMON_ACCOUNT_P4

#include "metadata.p4"
#include "sizes.p4"

control IngressAccount(inout metadata_t meta) {
    @name(".drop_reasons_counter") @id(0x06)
    table_counter_t(TABLE_COUNTER) drop_reasons_counter;

    PuntMeter() punt_meter;

    @name(".count_drop") @id(0x1b)
    action count_drop() {
        drop_reasons_counter.count();
    }

    @name(".punt_drop") @id(0x2f)
    action punt_drop() {
        meta.is_punted = 1;
        drop_reasons_counter.count();
    }

    // Written for each drop reason. A miss means: dropped all the same, uncounted.
    @name(".drop_reasons") @id(0x11)
    table drop_reasons {
        key = {
            meta.drop_reason : exact @name("drop_reason") @id(1);
        }
        actions = {
            count_drop;
            punt_drop;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = DROP_REASONS_SIZE;
        counters = drop_reasons_counter;
    }

    apply {
        if (meta.is_trapped == 0 && meta.drop_reason != DROP_NONE) {
            drop_reasons.apply();
        }
        punt_meter.apply(meta);
    }
}

control EgressAccount(inout metadata_t meta) {
    @name(".egress_drop_reasons_counter") @id(0x08)
    table_counter_t(TABLE_COUNTER) egress_drop_reasons_counter;

    EgressPuntMeter() punt_meter;

    @name(".count_egress_drop") @id(0x21)
    action count_egress_drop() {
        egress_drop_reasons_counter.count();
    }

    @name(".punt_egress_drop") @id(0x48)
    action punt_egress_drop() {
        meta.is_punted = 1;
        egress_drop_reasons_counter.count();
    }

    // Written for each drop reason. A miss means: dropped all the same, uncounted.
    @name(".egress_drop_reasons") @id(0x15)
    table egress_drop_reasons {
        key = {
            meta.drop_reason : exact @name("drop_reason") @id(1);
        }
        actions = {
            count_egress_drop;
            punt_egress_drop;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = EGRESS_DROP_REASONS_SIZE;
        counters = egress_drop_reasons_counter;
    }

    apply {
        if (meta.drop_reason != DROP_NONE) {
            egress_drop_reasons.apply();
        }
        punt_meter.apply(meta);
    }
}

#endif
