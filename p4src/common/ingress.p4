// SPDX-License-Identifier: Apache-2.0
// Ingress decides: the order of its stages, the same on every architecture.
//
//   classify -> terminate -> lookup -> validate -> guard -> answer -> route -> policy -> flow_state -> underlay -> account
//
// A stage that drops sets the reason; those behind it do not run.
#ifndef COMMON_INGRESS_P4
#define COMMON_INGRESS_P4

#include "headers.p4"
#include "metadata.p4"
#include "classify.p4"
#include "terminate.p4"
#include "lookup.p4"
#include "validate.p4"
#include "guard.p4"
#include "answer.p4"
#include "route.p4"
#include "policy.p4"
#include "flow_state.p4"
#include "underlay.p4"
#include "account.p4"

control IngressPipeline(in headers_t hdr, inout metadata_t meta)(selector_t next_hops) {
    Classify() classify;
    Terminate() terminate;
    Lookup() lookup;
    Validate() validate;
    FlowHash() flow_hash;
    Guard() guard;
    Answer() answer;
    Route() route;
    ArpReply() arp_reply;
    Policy() policy;
    FlowState() flow_state;
    Underlay(next_hops) underlay;
    IngressAccount() account;

    apply {
        meta.egress.ingress_port = meta.ingress_port;
        classify.apply(hdr, meta);
        if (meta.drop_reason == DROP_NONE && meta.is_punted == 0) {
            if (meta.is_fabric == 1) {
                terminate.apply(hdr, meta);
            }
            if (meta.drop_reason == DROP_NONE) {
                lookup.apply(hdr, meta);
                validate.apply(meta);
            }
            if (meta.drop_reason == DROP_NONE && meta.is_guarded == 1) {
                guard.apply(meta);
            }
            if (meta.drop_reason == DROP_NONE) {
                flow_hash.apply(meta);
                answer.apply(meta);
            }
            if (meta.drop_reason == DROP_NONE) {
                if (meta.is_fabric == 1 && meta.is_terminated == 0 && meta.lkp.is_ipv4 == 1) {
                    meta.egress.rewrite_mode = REWRITE_TRANSIT;
                    if (meta.lkp.ttl[7:1] == 0) {
                        meta.drop_reason = DROP_UNDERLAY_TTL;
                    }
                } else {
                    route.apply(meta);
                    if (meta.lkp.is_arp == 1) {
                        arp_reply.apply(meta);
                    } else if (meta.drop_reason == DROP_NONE) {
                        if (meta.is_guarded == 1) {
                            if (meta.egress.port_index == meta.port_index) {
                                meta.drop_reason = DROP_SAME_PORT;
                            } else {
                                policy.apply(meta);
                            }
                        } else if (meta.egress.is_encapsulated == 1) {
                            meta.drop_reason = DROP_SPLIT_HORIZON;
                        }
                        if (meta.drop_reason == DROP_NONE || meta.is_unruled == 1) {
                            flow_state.apply(meta);
                        }
                    }
                }
            }
            if (meta.drop_reason == DROP_NONE
                && (meta.egress.is_encapsulated == 1 || meta.egress.rewrite_mode == REWRITE_TRANSIT)) {
                underlay.apply(meta);
            }
        }
        if (meta.drop_reason != DROP_NONE) {
            account.apply(meta);
        } else if (meta.is_punted == 1) {
            meta.egress.rewrite_mode = REWRITE_PUNT;
            meta.egress.egress_port = CPU_PORT;
        }
    }
}

#endif
