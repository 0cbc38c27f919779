// SPDX-License-Identifier: Apache-2.0
// Security groups are stateful: what passes leaves a record of its flow at this switch, and what no rule allows passes as
// the reply to a flow on record. Written by the data plane alone. docs/adr/0008 argues what is kept and for how long.
//
// A record is the flow's whole key - VRF, protocol, addresses, ports - and the time of its last packet; the hash of the
// key only chooses the cell. So a collision displaces a record, it never opens another flow.
// In egress, because Tofino has stages to spare there; it is the last that can drop a packet for a reason of the tenant's.
// `FlowRecords` is the architecture's: the cells.
#ifndef COMMON_FLOW_STATE_P4
#define COMMON_FLOW_STATE_P4

#include "headers.p4"
#include "metadata.p4"

control FlowState(in frame_headers_t hdr, inout metadata_t meta) {
    FlowRecords() records;
    bit<1> is_tracked;

    apply {
        is_tracked = meta.egress.has_l4;
        meta.flow.is_reply = meta.egress.is_unruled;
        meta.flow.src_port = meta.egress.l4_src_port;
        meta.flow.dst_port = meta.egress.l4_dst_port;
        meta.flow.protocol = meta.egress.ip_protocol;
        if (hdr.ipv6.isValid()) {
            meta.flow.protocol[7:7] = 1;
        }
        if (meta.egress.ip_protocol == IP_PROTOCOL_ICMP || meta.egress.ip_protocol == IP_PROTOCOL_ICMPV6) {
            // A request makes a record, a reply needs one: never the other way round.
            is_tracked = 0;
            if (meta.egress.is_echo == 1) {
                if (meta.egress.l4_dst_port == ICMP_ECHO_REQUEST ++ 8w0
                    || meta.egress.l4_dst_port == ICMPV6_ECHO_REQUEST ++ 8w0) {
                    is_tracked = ~meta.egress.is_unruled;
                    meta.flow.dst_port = 0;
                } else {
                    is_tracked = meta.egress.is_unruled;
                    meta.flow.dst_port = meta.egress.l4_src_port;
                    meta.flow.src_port = 0;
                }
            }
        }
        if (is_tracked == 1) {
            records.apply(hdr, meta);
        }
        if (meta.egress.is_unruled == 1 && meta.flow.is_established == 0) {
            meta.drop_reason = DROP_POLICY;
        }
    }
}

#endif
