// SPDX-License-Identifier: Apache-2.0
// Security groups are stateful: what passes leaves a record of its flow at this switch, and what no rule allows passes as
// the reply to a flow on record. Written by the data plane alone. docs/adr/0008 argues what is kept and for how long.
//
// A record is the flow's whole key - VRF, protocol, addresses, ports - and the time of its last packet; the hash of the
// key only chooses the cell. So a collision displaces a record, it never opens another flow.
// In egress, because Tofino has stages to spare there; it is the last that can drop a packet for a reason of the tenant's.
// `FlowRecords` is the architecture's: the cells; what has a record to make or to need is asked here.
#ifndef COMMON_FLOW_STATE_P4
#define COMMON_FLOW_STATE_P4

#include "headers.p4"
#include "metadata.p4"

// What of the packet belongs to a record. Asked early, for every packet.
control FlowFacts(in frame_headers_t hdr, inout metadata_t meta) {
    @hidden
    action track() {
        meta.flow.is_tracked = 1;
        meta.flow.src_port = meta.egress.l4_src_port;
        meta.flow.dst_port = meta.egress.l4_dst_port;
    }

    @hidden
    action track_request() {
        meta.flow.is_tracked = 1;
        meta.flow.src_port = meta.egress.l4_src_port;
        meta.flow.dst_port = 0;
    }

    @hidden
    action track_reply() {
        meta.flow.is_tracked = 1;
        meta.flow.src_port = 0;
        meta.flow.dst_port = meta.egress.l4_src_port;
    }

    @hidden
    table tracking {
        key = {
            meta.egress.ip_protocol : ternary;
            meta.egress.is_echo     : ternary;
            meta.egress.l4_dst_port : ternary;
            meta.egress.is_unruled  : ternary;
            meta.egress.has_l4      : ternary;
        }
        actions = {
            track;
            track_request;
            track_reply;
            NoAction;
        }
        const entries = {
            // An echo request makes a record, a reply needs one: never the other way round.
            (IP_PROTOCOL_ICMP,   1, ICMP_ECHO_REQUEST ++ 8w0,   0, _) : track_request();
            (IP_PROTOCOL_ICMP,   1, ICMP_ECHO_REPLY ++ 8w0,     1, _) : track_reply();
            (IP_PROTOCOL_ICMP,   _, _,                          _, _) : NoAction();
            (IP_PROTOCOL_ICMPV6, 1, ICMPV6_ECHO_REQUEST ++ 8w0, 0, _) : track_request();
            (IP_PROTOCOL_ICMPV6, 1, ICMPV6_ECHO_REPLY ++ 8w0,   1, _) : track_reply();
            (IP_PROTOCOL_ICMPV6, _, _,                          _, _) : NoAction();
            (_,                  _, _,                          _, 1) : track();
        }
        const default_action = NoAction;
    }

    apply {
        tracking.apply();
        if (hdr.ipv6.isValid()) {
            meta.flow.protocol = meta.egress.ip_protocol | 0x80;
        } else {
            meta.flow.protocol = meta.egress.ip_protocol;
        }
    }
}

#endif
