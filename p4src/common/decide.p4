// SPDX-License-Identifier: Apache-2.0
// What ingress makes of the facts that the tables have found, as lists of which the first line that holds decides. The tables
// themselves wait for nobody and so take few stages; a packet that turns out to be dropped has looked up some in vain.
#ifndef COMMON_DECIDE_P4
#define COMMON_DECIDE_P4

#include "metadata.p4"

// May this source send at all? Also: does it only announce itself?
control DecideSource(inout metadata_t meta) {
    @hidden
    action pass_source() {
    }

    @hidden
    action refuse_source(drop_reason_t reason) {
        meta.drop_reason = reason;
    }

    @hidden
    table source_decision {
        key = {
            meta.is_guarded            : ternary;
            meta.is_candidate          : ternary;
            meta.lkp.kind              : ternary;
            meta.lkp.is_query          : ternary;
            meta.lkp.is_announcement   : ternary;
            meta.lkp.is_router_message : ternary;
            meta.source_kind           : ternary;
            meta.is_source_mac         : ternary;
            meta.is_source_address     : ternary;
            meta.lkp.sender_difference : ternary;
            meta.lkp.target_difference : ternary;
        }
        actions = {
            pass_source;
            refuse_source;
        }
        const entries = {
            // guarded candidate kind query announces router source mac addr sender target
            (_, _, FRAME_IPV4, _, _, _, SOURCE_MARTIAN,     _, _, _, _) : refuse_source(DROP_MARTIAN);
            (_, _, FRAME_IPV4, _, _, _, SOURCE_UNSPECIFIED, _, _, _, _) : refuse_source(DROP_MARTIAN);
            (_, _, FRAME_IPV6, _, _, _, SOURCE_MARTIAN,     _, _, _, _) : refuse_source(DROP_MARTIAN);
            (_, _, FRAME_IPV6, 0, _, _, SOURCE_UNSPECIFIED, _, _, _, _) : refuse_source(DROP_MARTIAN);
            // The subnet has one router, and it is no tenant's port (RFC 6105).
            (1, _, _,          _, _, 1, _,                  _, _, _, _) : refuse_source(DROP_SPOOF);
            // Before a host has an address, its MAC has to do (RFC 5227, RFC 4862).
            (1, _, _,          _, 1, _, SOURCE_UNSPECIFIED, 1, _, 0, _) : refuse_source(DROP_LEARN);
            (1, 0, _,          _, _, _, SOURCE_UNSPECIFIED, 1, _, 0, _) : pass_source();
            (1, _, _,          _, _, _, SOURCE_UNSPECIFIED, 1, _, 0, _) : refuse_source(DROP_CANDIDATE);
            (1, _, _,          _, _, _, _,                  _, 0, _, _) : refuse_source(DROP_SPOOF);
            (1, _, _,          _, 1, _, _,                  _, _, 0, _) : refuse_source(DROP_LEARN);
            (1, _, FRAME_ARP,  _, _, _, _,                  _, _, 0, 0) : refuse_source(DROP_LEARN);
            (1, 0, _,          _, _, _, _,                  _, _, 0, _) : pass_source();
            (1, _, _,          _, _, _, _,                  _, _, 0, _) : refuse_source(DROP_CANDIDATE);
            (1, _, _,          _, _, _, _,                  _, _, _, _) : refuse_source(DROP_SPOOF);
        }
        const default_action = pass_source;
    }

    apply {
        source_decision.apply();
    }
}

// Is there a destination, and may this packet go there? Questions, and what comes back to its sender, are decided after it.
control DecideDestination(inout metadata_t meta) {
    bit<1> is_too_big;
    bit<1> is_link_local;

    @hidden
    action pass_destination() {
    }

    @hidden
    action refuse_destination(drop_reason_t reason) {
        meta.drop_reason = reason;
    }

    @hidden
    table destination_decision {
        key = {
            meta.is_transit                : ternary;
            meta.is_guarded                : ternary;
            meta.is_gateway                : ternary;
            meta.is_routed                 : ternary;
            meta.is_known                  : ternary;
            meta.is_station                : ternary;
            meta.is_flooded                : ternary;
            meta.lkp.ttl                   : ternary;
            meta.lkp.dst_mac[40:40]        : ternary;
            meta.egress.port_index[15:15]  : ternary;
            meta.is_moved                  : ternary;
            is_link_local                  : ternary;
            is_too_big                     : ternary;
            meta.is_red                    : ternary;
        }
        actions = {
            pass_destination;
            refuse_destination;
        }
        const entries = {
            // transit guarded gateway routed known station flooded ttl group tunnel moved link-local big red
            // Beyond its rate a port gets no answers either, and the controller sees nothing of it.
            (_, 1, _, _, _, _, _, _,          _, _, _, _, _, 1) : refuse_destination(DROP_RATE);
            (_, _, 1, _, _, _, _, _,          _, _, _, _, _, _) : refuse_destination(DROP_TO_GATEWAY);
            (1, _, _, _, _, _, _, 0 &&& 0xfe, _, _, _, _, _, _) : refuse_destination(DROP_UNDERLAY_TTL);
            (1, _, _, _, _, _, _, _,          _, _, _, _, _, _) : pass_destination();
            (_, _, _, 1, _, _, _, _,          _, _, _, 1, _, _) : refuse_destination(DROP_LINK_LOCAL);
            (_, _, _, 1, _, _, _, 0 &&& 0xfe, _, _, _, _, _, _) : refuse_destination(DROP_TTL);
            (_, _, _, 1, 0, _, _, _,          _, _, _, _, _, _) : refuse_destination(DROP_NO_ROUTE);
            (_, _, _, 0, _, 0, _, _,          1, _, _, _, _, _) : refuse_destination(DROP_BROADCAST);
            (_, _, _, 0, _, 0, _, _,          _, _, _, _, _, _) : refuse_destination(DROP_UNKNOWN_DESTINATION);
            // From one trusted leaf to another: it should have sent it there itself. A station that is not here (any more) is
            // unknown here; what moved goes on until every leaf knows.
            (_, 0, _, 0, _, _, 0, _,          _, 1, 0, _, _, _) : refuse_destination(DROP_UNKNOWN_DESTINATION);
            (_, 0, _, 1, _, _, 0, _,          _, 1, _, _, _, _) : refuse_destination(DROP_SPLIT_HORIZON);
            (_, 1, _, _, _, _, _, _,          _, _, _, _, 1, _) : refuse_destination(DROP_TOO_BIG);
        }
        const default_action = pass_destination;
    }

    apply {
        is_too_big = 0;
        if (meta.excess != 0) {
            is_too_big = 1;
        }
        is_link_local = 0;
        if (meta.source_kind == SOURCE_LINK_LOCAL) {
            is_link_local = 1;
        } else if (meta.lkp.kind == FRAME_IPV4 && meta.lkp.dst_v4[31:16] == 0xa9fe) {
            is_link_local = 1;
        } else if (meta.lkp.kind == FRAME_IPV6 && meta.lkp.dst_v6[127:118] == 0x3fa) {
            is_link_local = 1;
        }
        destination_decision.apply();
    }
}

// ARP and neighbour discovery: only questions, only for this subnet, not for the asker; a leaf of ours answers its own ports.
control DecideQuery(inout metadata_t meta) {
    bit<1> is_unknown;

    @hidden
    action answer() {
    }

    @hidden
    action ignore() {
        is_unknown = 1;
    }

    @hidden
    table query_decision {
        key = {
            meta.lkp.is_query         : ternary;
            meta.lkp.is_long_neighbor : ternary;
            meta.is_terminated        : ternary;
            meta.is_guarded           : ternary;
            meta.is_gateway           : ternary;
            meta.is_known             : ternary;
            meta.is_station           : ternary;
            meta.index_difference     : ternary;
            meta.domain_difference    : ternary;
        }
        actions = {
            answer;
            ignore;
        }
        const entries = {
            // query long terminated guarded gateway known station index domain
            (0, _, _, _, _, _, _, _, _) : ignore();
            (_, 1, _, _, _, _, _, _, _) : ignore();
            (_, _, 1, 0, _, _, _, _, _) : ignore();
            (_, _, _, _, 1, _, _, _, _) : answer();
            (_, _, _, _, _, 0, 0, _, _) : ignore();
            (_, _, _, _, _, _, _, 0, _) : ignore();
            (_, _, _, _, _, _, _, _, 0) : answer();
        }
        const default_action = ignore;
    }

    apply {
        is_unknown = 0;
        query_decision.apply();
        if (meta.is_red == 1) {
            meta.drop_reason = DROP_RATE;
        } else if (is_unknown == 1) {
            if (meta.lkp.kind == FRAME_ARP) {
                meta.drop_reason = DROP_ARP_UNKNOWN;
            } else {
                meta.drop_reason = DROP_ND_UNKNOWN;
            }
        }
    }
}

#endif
