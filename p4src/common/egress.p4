// SPDX-License-Identifier: Apache-2.0
// Egress does: the order of its stages, the same on every architecture.
//
//   inspect -> acl, flow_state -> port meter, or tunnels -> rewrite -> decide -> egress_ports, or outer headers -> account
//
// What measures, remembers or sends packets waits until it is known that the packet is not dropped for another reason; all else
// runs ahead.
#ifndef COMMON_EGRESS_P4
#define COMMON_EGRESS_P4

#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"
#include "acl.p4"
#include "flow_state.p4"
#include "encap.p4"
#include "account.p4"

// The last word, after that of ingress: the first line that holds decides.
control DecideDeparture(in added_headers_t added, inout metadata_t meta) {
    @hidden
    action depart() {
    }

    @hidden
    action depart_logged() {
        meta.egress.punt_reason = LOGGED_INBOUND;
    }

    @hidden
    action hold_back(drop_reason_t reason) {
        meta.drop_reason = reason;
        meta.egress.punt_reason = reason;
    }

    @hidden
    action hold_back_logged(drop_reason_t reason) {
        meta.drop_reason = reason;
        meta.egress.punt_reason = LOGGED_INBOUND;
    }

    // Rules ask for copies of what they decide, and of nothing that is dropped for another reason before.
    @hidden
    action stay_back() {
        meta.egress.punt_reason = meta.drop_reason;
        meta.is_logged = 0;
        meta.copy_session = 0;
    }

    @hidden
    table departure_decision {
        key = {
            meta.drop_reason              : ternary;
            meta.is_pruned                : ternary;
            meta.is_acl_denied            : ternary;
            meta.egress.is_unruled        : ternary;
            meta.flow.is_established      : ternary;
            meta.egress.rewrite_mode      : ternary;
            meta.egress.port_index[15:15] : ternary;
            meta.has_neighbor             : ternary;
            added.encap_ipv4.isValid()    : ternary;
            added.encap_ipv6.isValid()    : ternary;
            meta.color                    : ternary;
            meta.is_logged                : ternary;
        }
        actions = {
            depart;
            depart_logged;
            hold_back;
            hold_back_logged;
            stay_back;
        }
        const entries = {
            // reason   pruned acl unruled established mode  tunnel neighbor ipv4 ipv6 color logged
            (DROP_NONE, 1, _, _, _, _,               _, _, _,     _,     _,         _) : stay_back();
            (DROP_NONE, _, 1, _, _, _,               _, _, _,     _,     _,         1) : hold_back_logged(DROP_ACL);
            (DROP_NONE, _, 1, _, _, _,               _, _, _,     _,     _,         _) : hold_back(DROP_ACL);
            (DROP_NONE, _, _, 1, 0, _,               _, _, _,     _,     _,         1) : hold_back_logged(DROP_POLICY);
            (DROP_NONE, _, _, 1, 0, _,               _, _, _,     _,     _,         _) : hold_back(DROP_POLICY);
            (DROP_NONE, _, _, _, _, REWRITE_TRANSIT, _, 0, _,     _,     _,         _) : hold_back(DROP_NO_NEIGHBOR);
            (DROP_NONE, _, _, _, _, REWRITE_TRANSIT, _, _, _,     _,     _,         _) : depart();
            (DROP_NONE, _, _, _, _, _,               1, 0, _,     _,     _,         1) : hold_back_logged(DROP_NO_NEIGHBOR);
            (DROP_NONE, _, _, _, _, _,               1, 0, _,     _,     _,         _) : hold_back(DROP_NO_NEIGHBOR);
            (DROP_NONE, _, _, _, _, _,               1, _, false, false, _,         1) : hold_back_logged(DROP_NO_TUNNEL);
            (DROP_NONE, _, _, _, _, _,               1, _, false, false, _,         _) : hold_back(DROP_NO_TUNNEL);
            (DROP_NONE, _, _, _, _, _,               0, _, _,     _,     COLOR_RED, 1) : hold_back_logged(DROP_RATE);
            (DROP_NONE, _, _, _, _, _,               0, _, _,     _,     COLOR_RED, _) : hold_back(DROP_RATE);
            (DROP_NONE, _, _, _, _, _,               _, _, _,     _,     _,         1) : depart_logged();
            (DROP_NONE, _, _, _, _, _,               _, _, _,     _,     _,         _) : depart();
        }
        const default_action = stay_back;
    }

    apply {
        departure_decision.apply();
    }
}

control EgressPipeline(
    inout added_headers_t added, inout frame_headers_t hdr, inout metadata_t meta, in port_id_t egress_port,
    in flow_time_t now) {
    Inspect() inspect;
    Rewrite() rewrite;
    FlowFacts() flow_facts;
    Neighbors() neighbors;
    AclEgress() acl_egress;
    FlowCell() flow_cell;
    FlowRecords() flow_records;
    PortEgressMeter() port_egress_meter;
    Tunnels() tunnels;
    EgressPorts() egress_ports;
    DecideDeparture() decide_departure;
    OuterHeaders() outer_headers;
    EgressAccount() account;

    // The link's Ethernet header takes the place of the one that the packet came with.
    @hidden
    action forward_packet() {
        added.encap_ethernet.ether_type = hdr.ethernet.ether_type;
        hdr.ethernet.setInvalid();
    }

    apply {
        if (meta.egress.rewrite_mode == REWRITE_PUNT) {
            added.packet_in.setValid();
            added.packet_in.ingress_port = meta.egress.ingress_port;
            added.packet_in.pad = 0;
            added.packet_in.reason = meta.egress.punt_reason;
            added.packet_in.vrf = meta.egress.vrf;
        } else if (meta.egress.rewrite_mode != REWRITE_NONE) {
            // Of the copies of a flooded frame the sender's own is one too many.
            if (meta.egress.rewrite_mode == REWRITE_FLOODED && meta.egress.port_index == meta.egress.source_index) {
                meta.is_pruned = 1;
            }
            flow_facts.apply(hdr, meta);
            flow_cell.apply(hdr, meta);
            inspect.apply(hdr, meta);
            if (meta.egress.rewrite_mode == REWRITE_TRANSIT || meta.egress.port_index[15:15] == BEHIND_TUNNEL) {
                neighbors.apply(added, meta, egress_port);
            }
            acl_egress.apply(hdr, meta);
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0 && meta.is_acl_denied == 0 && meta.flow.is_tracked == 1
                && (meta.egress.rewrite_mode == REWRITE_BRIDGED || meta.egress.rewrite_mode == REWRITE_ROUTED)) {
                flow_records.apply(hdr, meta, now);
            }
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0 && meta.is_acl_denied == 0
                && (meta.egress.is_unruled == 0 || meta.flow.is_established == 1)
                && meta.egress.port_index[15:15] == BEHIND_TUNNEL && meta.has_neighbor == 1
                && meta.egress.rewrite_mode != REWRITE_TRANSIT) {
                tunnels.apply(added, meta);
            } else if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0 && meta.is_acl_denied == 0
                && (meta.egress.is_unruled == 0 || meta.flow.is_established == 1)
                && meta.egress.port_index[15:15] != BEHIND_TUNNEL
                && meta.egress.rewrite_mode != REWRITE_TRANSIT && meta.egress.rewrite_mode != REWRITE_MIRRORED) {
                port_egress_meter.apply(meta);
            }
            rewrite.apply(hdr, meta);
            decide_departure.apply(added, meta);
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0 && meta.egress.rewrite_mode == REWRITE_TRANSIT) {
                forward_packet();
            } else if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0
                && meta.egress.port_index[15:15] == BEHIND_TUNNEL) {
                outer_headers.apply(added, meta);
            } else if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0) {
                egress_ports.apply(hdr, meta);
            }
            account.apply(meta);
        }
    }
}

#endif
