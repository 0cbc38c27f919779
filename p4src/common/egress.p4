// SPDX-License-Identifier: Apache-2.0
// Egress does: the order of its stages, the same on every architecture.
//
//   replicate -> rewrite -> acl, meter, flow_state -> encap -> account
#ifndef COMMON_EGRESS_P4
#define COMMON_EGRESS_P4

#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"
#include "acl.p4"
#include "flow_state.p4"
#include "encap.p4"
#include "account.p4"

control EgressPipeline(inout added_headers_t added, inout frame_headers_t hdr, inout metadata_t meta) {
    Rewrite() rewrite;
    AclEgress() acl_egress;
    PortEgressMeter() port_egress_meter;
    FlowState() flow_state;
    Encap() encap;
    EgressAccount() account;

    apply {
        if (meta.egress.rewrite_mode == REWRITE_PUNT) {
            added.packet_in.setValid();
            added.packet_in.ingress_port = meta.egress.ingress_port;
            added.packet_in.pad = 0;
            added.packet_in.reason = meta.egress.punt_reason;
            added.packet_in.vrf = meta.egress.vrf;
        } else if (meta.egress.rewrite_mode != REWRITE_NONE) {
            if (meta.egress.rewrite_mode == REWRITE_MIRRORED) {
                meta.egress.port_index = meta.replica;
            } else if (meta.egress.rewrite_mode == REWRITE_FLOODED) {
                // A copy knows by its number where it goes. The sender's own is one too many.
                meta.egress.port_index = meta.replica;
                if (meta.replica == meta.egress.source_index) {
                    meta.is_pruned = 1;
                }
            }
            rewrite.apply(hdr, meta);
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0) {
                if (meta.egress.is_guarded == 1 && meta.egress.rewrite_mode == REWRITE_ROUTED) {
                    acl_egress.apply(meta);
                }
                if (meta.is_acl_denied == 1) {
                    meta.drop_reason = DROP_ACL;
                } else if (meta.egress.rewrite_mode == REWRITE_BRIDGED || meta.egress.rewrite_mode == REWRITE_ROUTED) {
                    flow_state.apply(meta);
                }
                if (meta.drop_reason == DROP_NONE && meta.egress.port_index[15:15] == 0
                    && meta.egress.rewrite_mode != REWRITE_TRANSIT && meta.egress.rewrite_mode != REWRITE_MIRRORED) {
                    port_egress_meter.apply(meta);
                    if (meta.is_red == 1) {
                        meta.drop_reason = DROP_RATE;
                    }
                }
                if (meta.drop_reason == DROP_NONE) {
                    encap.apply(added, hdr, meta);
                }
            }
            account.apply(meta);
        }
    }
}

#endif
