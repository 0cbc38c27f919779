// SPDX-License-Identifier: Apache-2.0
// Egress does: the order of its stages, the same on every architecture.
//
//   rewrite -> encap -> account
#ifndef COMMON_EGRESS_P4
#define COMMON_EGRESS_P4

#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"
#include "encap.p4"
#include "account.p4"

control EgressPipeline(inout added_headers_t added, inout headers_t hdr, inout metadata_t meta) {
    Rewrite() rewrite;
    Encap() encap;
    EgressAccount() account;

    apply {
        if (meta.egress.rewrite_mode == REWRITE_PUNT) {
            added.packet_in.setValid();
            added.packet_in.ingress_port = meta.egress.ingress_port;
            added.packet_in.pad = 0;
            added.packet_in.reason = meta.egress.punt_reason;
        } else if (meta.egress.rewrite_mode != REWRITE_NONE) {
            rewrite.apply(hdr, meta);
            if (meta.drop_reason == DROP_NONE
                && (meta.egress.is_encapsulated == 1 || meta.egress.rewrite_mode == REWRITE_TRANSIT)) {
                encap.apply(added, hdr, meta);
            }
            if (meta.drop_reason != DROP_NONE) {
                account.apply(meta);
            }
        }
    }
}

#endif
