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
            meta.lkp.is_neighbor       : ternary;
            meta.source_kind           : ternary;
            meta.is_source_mac         : ternary;
            meta.is_source_address     : ternary;
            meta.lkp.is_wrong_sender   : ternary;
            meta.lkp.is_gratuitous     : ternary;
            meta.lkp.ttl               : ternary;
            meta.lkp.ip_protocol       : ternary;
            meta.lkp.is_fragment       : ternary;
        }
        actions = {
            pass_source;
            refuse_source;
        }
        const entries = {
            // guarded candidate kind query announces router neighbour source mac addr wrong-sender gratuitous ttl protocol fragment
            (_, _, FRAME_IPV4, _, _, _, _, SOURCE_MARTIAN,     _, _, _, _, _, _, _) : refuse_source(DROP_MARTIAN);
            (_, _, FRAME_IPV4, _, _, _, _, SOURCE_UNSPECIFIED, _, _, _, _, _, _, _) : refuse_source(DROP_MARTIAN);
            (_, _, FRAME_IPV6, _, _, _, _, SOURCE_MARTIAN,     _, _, _, _, _, _, _) : refuse_source(DROP_MARTIAN);
            // A host that has no address yet may look for its router.
            (1, 0, _,          0, 0, _, 1, SOURCE_UNSPECIFIED, 1, _, _, _, _, _, _) : refuse_source(DROP_ROUTER_SOLICITATION);
            (1, _, _,          0, 0, _, 1, SOURCE_UNSPECIFIED, 1, _, _, _, _, _, _) : refuse_source(DROP_CANDIDATE);
            (1, _, _,          0, 0, _, 1, SOURCE_UNSPECIFIED, _, _, _, _, _, _, _) : refuse_source(DROP_SPOOF);
            (_, _, FRAME_IPV6, 0, _, _, _, SOURCE_UNSPECIFIED, _, _, _, _, _, _, _) : refuse_source(DROP_MARTIAN);
            // The subnet has one router, and it is no tenant's port (RFC 6105).
            (1, _, _,          _, _, 1, _, _,                  _, _, _, _, _, _, _) : refuse_source(DROP_SPOOF);
            // What neighbour discovery might hide behind (RFC 7113). It alone needs this hop limit, so nothing else is lost.
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_HOP_BY_HOP, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_ROUTING, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IP_PROTOCOL_IPV6_FRAGMENT, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_AUTHENTICATION, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_DESTINATION, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_MOBILITY, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_HIP, _) : refuse_source(DROP_SPOOF);
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IPV6_SHIM6, _) : refuse_source(DROP_SPOOF);
            // There is no neighbour discovery in fragments (RFC 6980), and who says so is not asked for the rest of them.
            (1, _, FRAME_IPV6, _, _, _, _, _, _, _, _, _, ND_HOP_LIMIT, IP_PROTOCOL_ICMPV6, 1) : refuse_source(DROP_SPOOF);
            // Before a host has an address, its MAC has to do (RFC 5227, RFC 4862).
            (1, _, _,          _, 1, _, _, SOURCE_UNSPECIFIED, 1, _, 0, _, _, _, _) : refuse_source(DROP_LEARN);
            (1, 0, _,          _, _, _, _, SOURCE_UNSPECIFIED, 1, _, 0, _, _, _, _) : pass_source();
            (1, _, _,          _, _, _, _, SOURCE_UNSPECIFIED, 1, _, 0, _, _, _, _) : refuse_source(DROP_CANDIDATE);
            (1, _, _,          _, _, _, _, _,                  _, 0, _, _, _, _, _) : refuse_source(DROP_SPOOF);
            (1, _, _,          _, 1, _, _, _,                  _, _, 0, _, _, _, _) : refuse_source(DROP_LEARN);
            (1, 0, _,          0, 0, _, 1, _,                  _, _, _, _, _, _, _) : refuse_source(DROP_ROUTER_SOLICITATION);
            (1, _, FRAME_ARP,  _, _, _, _, _,                  _, _, 0, 1, _, _, _) : refuse_source(DROP_LEARN);
            (1, 0, _,          _, _, _, _, _,                  _, _, 0, _, _, _, _) : pass_source();
            (1, _, _,          _, _, _, _, _,                  _, _, 0, _, _, _, _) : refuse_source(DROP_CANDIDATE);
            (1, _, _,          _, _, _, _, _,                  _, _, _, _, _, _, _) : refuse_source(DROP_SPOOF);
        }
        const default_action = pass_source;
    }

    apply {
        source_decision.apply();
    }
}

// Is there a destination, and may this packet go there? Questions, and what comes back to its sender, are decided after it.
control DecideDestination(inout metadata_t meta) {
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
            meta.lkp.kind                  : ternary;
            meta.source_kind               : ternary;
            meta.lkp.dst[31:16]         : ternary;
            meta.lkp.dst[127:112]       : ternary;
            meta.lkp.ip_length             : ternary;
        }
        actions = {
            pass_destination;
            refuse_destination;
        }
        const entries = {
            // transit guarded gateway routed known station flooded ttl group tunnel moved
            //                                         kind        source             v4      v6     excess
            (_, _, 1, _, _, _, _, _,          _, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_TO_GATEWAY);
            (1, _, _, _, _, _, _, 0 &&& 0xfe, _, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_UNDERLAY_TTL);
            (1, _, _, _, _, _, _, _,          _, _, _, _,          _,                 _,      _,     _) : pass_destination();
            (_, _, _, 1, _, _, _, _,          _, _, _, _,          SOURCE_LINK_LOCAL, _,      _,     _) : refuse_destination(DROP_LINK_LOCAL);
            (_, _, _, 1, _, _, _, _,          _, _, _, FRAME_IPV4, _,                 0xa9fe, _,     _) : refuse_destination(DROP_LINK_LOCAL);
            (_, _, _, 1, _, _, _, _,          _, _, _, FRAME_IPV6, _,                 _,      0xfe80 &&& 0xffc0, _) : refuse_destination(DROP_LINK_LOCAL);
            (_, _, _, 1, _, _, _, 0 &&& 0xfe, _, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_TTL);
            (_, _, _, 1, 0, _, _, _,          _, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_NO_ROUTE);
            (_, _, _, 0, _, 0, _, _,          1, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_BROADCAST);
            (_, _, _, 0, _, 0, _, _,          _, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_UNKNOWN_DESTINATION);
            // From one trusted leaf to another: it should have sent it there itself. A station that is not here (any more) is
            // unknown here; what moved goes on until every leaf knows.
            (_, 0, _, 0, _, _, 0, _,          _, 1, 0, _,          _,                 _,      _,     _) : refuse_destination(DROP_UNKNOWN_DESTINATION);
            (_, 0, _, 1, _, _, 0, _,          _, 1, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_SPLIT_HORIZON);
            (_, _, _, _, _, _, _, _,          _, _, _, _,          _,                 _,      _,     0) : pass_destination();
            (_, 1, _, _, _, _, _, _,          _, _, _, _,          _,                 _,      _,     _) : refuse_destination(DROP_TOO_BIG);
        }
        const default_action = pass_destination;
    }

    apply {
        destination_decision.apply();
    }
}

// ARP and neighbour discovery: only questions, only for this subnet, not for the asker; a leaf of ours answers its own ports.
control DecideQuery(inout metadata_t meta) {
    @hidden
    action answer_arp() {
        meta.egress.rewrite_mode = REWRITE_ARP_REPLY;
    }

    @hidden
    action answer_arp_for_gateway() {
        answer_arp();
        meta.egress.is_gateway = 1;
    }

    @hidden
    action answer_nd(bit<1> is_dad) {
        meta.egress.rewrite_mode = REWRITE_ND_REPLY;
        meta.egress.is_dad = is_dad;
    }

    @hidden
    action answer_nd_for_gateway(bit<1> is_dad) {
        answer_nd(is_dad);
        meta.egress.is_gateway = 1;
    }

    @hidden
    action ignore(drop_reason_t reason) {
        meta.drop_reason = reason;
    }

    @hidden
    table query_decision {
        key = {
            meta.lkp.kind             : ternary;
            meta.lkp.is_query         : ternary;
            meta.lkp.is_long_neighbor : ternary;
            meta.is_terminated        : ternary;
            meta.is_guarded           : ternary;
            meta.is_gateway           : ternary;
            meta.is_known             : ternary;
            meta.is_station           : ternary;
            meta.is_same_port         : ternary;
            meta.is_same_domain       : ternary;
            meta.source_kind          : ternary;
        }
        actions = {
            answer_arp;
            answer_arp_for_gateway;
            answer_nd;
            answer_nd_for_gateway;
            ignore;
        }
        const entries = {
            // kind    query long terminated guarded gateway known station same-port same-domain source
            (FRAME_ARP, 0, _, _, _, _, _, _, _, _, _)                  : ignore(DROP_ARP_UNKNOWN);
            (FRAME_ARP, _, _, 1, 0, _, _, _, _, _, _)                  : ignore(DROP_ARP_UNKNOWN);
            (_,         _, 1, _, _, _, _, _, _, _, _)                  : ignore(DROP_ND_UNKNOWN);
            (_,         _, _, 1, 0, _, _, _, _, _, _)                  : ignore(DROP_ND_UNKNOWN);
            (FRAME_ARP, _, _, _, _, 1, _, _, _, _, _)                  : answer_arp_for_gateway();
            (_,         _, _, _, _, 1, _, _, _, _, SOURCE_UNSPECIFIED) : answer_nd_for_gateway(1);
            (_,         _, _, _, _, 1, _, _, _, _, _)                  : answer_nd_for_gateway(0);
            (FRAME_ARP, _, _, _, _, _, 0, 0, _, _, _)                  : ignore(DROP_ARP_UNKNOWN);
            (FRAME_ARP, _, _, _, _, _, _, _, 1, _, _)                  : ignore(DROP_ARP_UNKNOWN);
            (_,         _, _, _, _, _, 0, 0, _, _, _)                  : ignore(DROP_ND_UNKNOWN);
            (_,         _, _, _, _, _, _, _, 1, _, _)                  : ignore(DROP_ND_UNKNOWN);
            (FRAME_ARP, _, _, _, _, _, _, _, _, 1, _)                  : answer_arp();
            (_,         _, _, _, _, _, _, _, _, 1, SOURCE_UNSPECIFIED) : answer_nd(1);
            (_,         _, _, _, _, _, _, _, _, 1, _)                  : answer_nd(0);
            (FRAME_ARP, _, _, _, _, _, _, _, _, _, _)                  : ignore(DROP_ARP_UNKNOWN);
        }
        const default_action = ignore(DROP_ND_UNKNOWN);
    }

    apply {
        query_decision.apply();
    }
}

// The last word: what the tables said that count packets, meter or need the way to the destination. Also: what the controller is
// told, if it is shown the packet.
control DecideLast(inout metadata_t meta) {
    @hidden
    action pass_last() {
    }

    @hidden
    action pass_logged() {
        meta.egress.punt_reason = LOGGED_OUTBOUND;
    }

    @hidden
    action refuse_last(drop_reason_t reason) {
        meta.drop_reason = reason;
        meta.egress.punt_reason = reason;
    }

    @hidden
    action refuse_logged(drop_reason_t reason) {
        meta.drop_reason = reason;
        meta.egress.punt_reason = LOGGED_OUTBOUND;
    }

    // Rules ask for copies of what they decide, and of nothing that is dropped for another reason.
    @hidden
    action refuse_without_copies(drop_reason_t reason) {
        refuse_last(reason);
        meta.is_logged = 0;
        meta.copy_session = 0;
    }

    @hidden
    action stay_refused() {
        meta.egress.punt_reason = meta.drop_reason;
        meta.is_logged = 0;
        meta.copy_session = 0;
    }

    @hidden
    table last_decision {
        key = {
            meta.is_trapped               : ternary;
            meta.drop_reason              : ternary;
            meta.color                    : ternary;
            meta.is_guarded               : ternary;
            meta.is_moved                 : ternary;
            meta.lkp.is_query             : ternary;
            meta.is_flooded               : ternary;
            meta.is_same_port             : ternary;
            meta.is_policy_denied         : ternary;
            meta.is_acl_denied            : ternary;
            meta.has_next_hop             : ternary;
            meta.is_transit               : ternary;
            meta.egress.port_index[15:15] : ternary;
            meta.is_logged                : ternary;
        }
        actions = {
            pass_last;
            pass_logged;
            refuse_last;
            refuse_logged;
            refuse_without_copies;
            stay_refused;
        }
        const entries = {
            // Beyond its rate a port gets no answers either, and the controller sees nothing of it.
            // trapped reason color guarded moved query flooded same-port policy acl next-hop transit tunnel logged
            (1, _,         _,         _, _, _, _, _, _, _, _, _, _, _) : pass_last();
            (_, _,         COLOR_RED, _, _, _, _, _, _, _, _, _, _, _) : refuse_without_copies(DROP_RATE);
            (_, DROP_NONE, _,         1, _, 0, 0, 1, _, _, _, _, _, _) : refuse_without_copies(DROP_SAME_PORT);
            // What is redirected never goes back to the leaf that it came from either: two could send it to and fro.
            (_, DROP_NONE, _,         _, 1, 0, 0, 1, _, _, _, _, _, _) : refuse_without_copies(DROP_SAME_PORT);
            (_, DROP_NONE, _,         _, _, _, _, _, 1, _, _, _, _, 1) : refuse_logged(DROP_POLICY);
            (_, DROP_NONE, _,         _, _, _, _, _, 1, _, _, _, _, _) : refuse_last(DROP_POLICY);
            (_, DROP_NONE, _,         _, _, _, _, _, _, 1, _, _, _, 1) : refuse_logged(DROP_ACL);
            (_, DROP_NONE, _,         _, _, _, _, _, _, 1, _, _, _, _) : refuse_last(DROP_ACL);
            (_, DROP_NONE, _,         _, _, _, _, _, _, _, 0, 1, _, _) : refuse_last(DROP_NO_UNDERLAY_ROUTE);
            (_, DROP_NONE, _,         _, _, _, _, _, _, _, 0, _, 1, 1) : refuse_logged(DROP_NO_UNDERLAY_ROUTE);
            (_, DROP_NONE, _,         _, _, _, _, _, _, _, 0, _, 1, _) : refuse_last(DROP_NO_UNDERLAY_ROUTE);
            (_, DROP_NONE, _,         _, _, _, _, _, _, _, _, _, _, 1) : pass_logged();
            (_, DROP_NONE, _,         _, _, _, _, _, _, _, _, _, _, _) : pass_last();
        }
        const default_action = stay_refused;
    }

    apply {
        last_decision.apply();
    }
}

#endif
