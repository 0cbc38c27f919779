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
    action track(bit<8> family) {
        meta.flow.is_tracked = 1;
        meta.flow.protocol = meta.egress.ip_protocol | family;
        meta.flow.src_port = meta.egress.l4_src_port;
        meta.flow.dst_port = meta.egress.l4_dst_port;
    }

    @hidden
    action track_request(bit<8> family) {
        meta.flow.is_tracked = 1;
        meta.flow.protocol = meta.egress.ip_protocol | family;
        meta.flow.src_port = meta.egress.l4_src_port;
        meta.flow.dst_port = 0;
    }

    @hidden
    action track_reply(bit<8> family) {
        meta.flow.is_tracked = 1;
        meta.flow.protocol = meta.egress.ip_protocol | family;
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
            hdr.ipv6.isValid()      : ternary;
        }
        actions = {
            track;
            track_request;
            track_reply;
            NoAction;
        }
        const entries = {
            // An echo request makes a record, a reply needs one: never the other way round.
            (IP_PROTOCOL_ICMP,   1, ICMP_ECHO_REQUEST ++ 8w0,   0, _, false) : track_request(0);
            (IP_PROTOCOL_ICMP,   1, ICMP_ECHO_REPLY ++ 8w0,     1, _, false) : track_reply(0);
            (IP_PROTOCOL_ICMP,   1, ICMP_ECHO_REQUEST ++ 8w0,   0, _, true)  : track_request(FLOW_IPV6);
            (IP_PROTOCOL_ICMP,   1, ICMP_ECHO_REPLY ++ 8w0,     1, _, true)  : track_reply(FLOW_IPV6);
            (IP_PROTOCOL_ICMP,   _, _,                          _, _, _)     : NoAction();
            (IP_PROTOCOL_ICMPV6, 1, ICMPV6_ECHO_REQUEST ++ 8w0, 0, _, false) : track_request(0);
            (IP_PROTOCOL_ICMPV6, 1, ICMPV6_ECHO_REPLY ++ 8w0,   1, _, false) : track_reply(0);
            (IP_PROTOCOL_ICMPV6, 1, ICMPV6_ECHO_REQUEST ++ 8w0, 0, _, true)  : track_request(FLOW_IPV6);
            (IP_PROTOCOL_ICMPV6, 1, ICMPV6_ECHO_REPLY ++ 8w0,   1, _, true)  : track_reply(FLOW_IPV6);
            (IP_PROTOCOL_ICMPV6, _, _,                          _, _, _)     : NoAction();
            (_,                  _, _,                          _, 1, false) : track(0);
            (_,                  _, _,                          _, 1, true)  : track(FLOW_IPV6);
        }
        const default_action = NoAction;
    }

    apply {
        tracking.apply();
    }
}

#endif
