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
            meta.lkp.kind              : ternary;
            meta.lkp.is_query          : ternary;
            meta.lkp.is_announcement   : ternary;
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
            // guarded kind   query announces source          mac addr sender target
            (_, FRAME_IPV4,   _,    _,   SOURCE_MARTIAN,     _,  _,  _,     _) : refuse_source(DROP_MARTIAN);
            (_, FRAME_IPV4,   _,    _,   SOURCE_UNSPECIFIED, _,  _,  _,     _) : refuse_source(DROP_MARTIAN);
            (_, FRAME_IPV6,   _,    _,   SOURCE_MARTIAN,     _,  _,  _,     _) : refuse_source(DROP_MARTIAN);
            (_, FRAME_IPV6,   0,    _,   SOURCE_UNSPECIFIED, _,  _,  _,     _) : refuse_source(DROP_MARTIAN);
            // Before a host has an address, its MAC has to do (RFC 5227, RFC 4862).
            (1, _,            _,    1,   SOURCE_UNSPECIFIED, 1,  _,  0,     _) : refuse_source(DROP_LEARN);
            (1, _,            _,    _,   SOURCE_UNSPECIFIED, 1,  _,  0,     _) : pass_source();
            (1, _,            _,    _,   _,                  _,  0,  _,     _) : refuse_source(DROP_SPOOF);
            (1, _,            _,    1,   _,                  _,  _,  0,     _) : refuse_source(DROP_LEARN);
            (1, FRAME_ARP,    _,    _,   _,                  _,  _,  0,     0) : refuse_source(DROP_LEARN);
            (1, _,            _,    _,   _,                  _,  _,  0,     _) : pass_source();
            (1, _,            _,    _,   _,                  _,  _,  _,     _) : refuse_source(DROP_SPOOF);
        }
        const default_action = pass_source;
    }

    apply {
        source_decision.apply();
    }
}

// Is there a destination, and may this packet go there? Policy and ACLs come after it.
control DecideDestination(inout metadata_t meta) {
    bit<1> is_too_big;
    bit<1> is_link_local;
    bit<1> is_group;
    bit<1> is_to_tunnel;

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
            meta.is_fabric            : ternary;
            meta.is_terminated        : ternary;
            meta.is_guarded           : ternary;
            meta.lkp.kind             : ternary;
            meta.lkp.is_query         : ternary;
            meta.is_gateway           : ternary;
            meta.is_routed            : ternary;
            meta.is_known             : ternary;
            meta.lkp.ttl              : ternary;
            meta.lkp.is_long_neighbor : ternary;
            meta.index_difference     : ternary;
            meta.domain_difference    : ternary;
            meta.is_red               : ternary;
            is_too_big                : ternary;
            is_link_local             : ternary;
            is_group                  : ternary;
            is_to_tunnel              : ternary;
        }
        actions = {
            pass_destination;
            refuse_destination;
        }
        const entries = {
            // fabric terminated guarded kind query gateway routed known ttl long index domain red big link group tunnel
            // Beyond its rate a port gets no answers either, and the controller sees nothing of it.
            (_, _, 1, _,          _, _, _, _, _,          _, _, _, 1, _, _, _, _) : refuse_destination(DROP_RATE);
            // ARP: only requests, only for this subnet, not for the asker; a leaf of ours answers its own ports' requests.
            (_, 1, 0, FRAME_ARP,  _, _, _, _, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ARP_UNKNOWN);
            (_, _, _, FRAME_ARP,  0, _, _, _, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ARP_UNKNOWN);
            (_, _, _, FRAME_ARP,  1, 1, _, _, _,          _, _, _, _, _, _, _, _) : pass_destination();
            (_, _, _, FRAME_ARP,  1, _, _, 0, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ARP_UNKNOWN);
            (_, _, _, FRAME_ARP,  1, _, _, _, _,          _, 0, _, _, _, _, _, _) : refuse_destination(DROP_ARP_UNKNOWN);
            (_, _, _, FRAME_ARP,  1, _, _, _, _,          _, _, 0, _, _, _, _, _) : pass_destination();
            (_, _, _, FRAME_ARP,  1, _, _, _, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ARP_UNKNOWN);
            // Neighbour discovery: the same.
            (_, 1, 0, FRAME_IPV6, 1, _, _, _, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ND_UNKNOWN);
            (_, _, _, FRAME_IPV6, 1, _, _, _, _,          1, _, _, _, _, _, _, _) : refuse_destination(DROP_ND_UNKNOWN);
            (_, _, _, FRAME_IPV6, 1, 1, _, _, _,          _, _, _, _, _, _, _, _) : pass_destination();
            (_, _, _, FRAME_IPV6, 1, _, _, 0, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ND_UNKNOWN);
            (_, _, _, FRAME_IPV6, 1, _, _, _, _,          _, 0, _, _, _, _, _, _) : refuse_destination(DROP_ND_UNKNOWN);
            (_, _, _, FRAME_IPV6, 1, _, _, _, _,          _, _, 0, _, _, _, _, _) : pass_destination();
            (_, _, _, FRAME_IPV6, 1, _, _, _, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_ND_UNKNOWN);
            (_, _, _, _,          _, 1, _, _, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_TO_GATEWAY);
            // In transit: the underlay routes it, nothing else.
            (1, 0, _, _,          _, _, _, _, 0 &&& 0xfe, _, _, _, _, _, _, _, _) : refuse_destination(DROP_UNDERLAY_TTL);
            (1, 0, _, _,          _, _, _, _, _,          _, _, _, _, _, _, _, _) : pass_destination();
            (_, _, _, _,          _, _, 1, _, _,          _, _, _, _, _, 1, _, _) : refuse_destination(DROP_LINK_LOCAL);
            (_, _, _, _,          _, _, 1, _, 0 &&& 0xfe, _, _, _, _, _, _, _, _) : refuse_destination(DROP_TTL);
            (_, _, _, _,          _, _, 1, 0, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_NO_ROUTE);
            (_, _, _, _,          _, _, _, 0, _,          _, _, _, _, _, _, 1, _) : refuse_destination(DROP_BROADCAST);
            (_, _, _, _,          _, _, _, 0, _,          _, _, _, _, _, _, _, _) : refuse_destination(DROP_UNKNOWN_DESTINATION);
            (_, _, 1, _,          _, _, _, _, _,          _, 0, _, _, _, _, 0, _) : refuse_destination(DROP_SAME_PORT);
            (_, _, 0, _,          _, _, _, _, _,          _, _, _, _, _, _, 0, 1) : refuse_destination(DROP_SPLIT_HORIZON);
            (_, _, 1, _,          _, _, _, _, _,          _, _, _, _, 1, _, _, _) : refuse_destination(DROP_TOO_BIG);
        }
        const default_action = pass_destination;
    }

    apply {
        is_too_big = 0;
        is_link_local = 0;
        if (meta.excess != 0) {
            is_too_big = 1;
        }
        if (meta.source_kind == SOURCE_LINK_LOCAL) {
            is_link_local = 1;
        } else if (meta.lkp.kind == FRAME_IPV4 && meta.lkp.dst_v4[31:16] == 0xa9fe) {
            is_link_local = 1;
        } else if (meta.lkp.kind == FRAME_IPV6 && meta.lkp.dst_v6[127:118] == 0x3fa) {
            is_link_local = 1;
        }
        is_group = meta.lkp.dst_mac[40:40];
        is_to_tunnel = meta.egress.port_index[15:15];
        destination_decision.apply();
    }
}

#endif
