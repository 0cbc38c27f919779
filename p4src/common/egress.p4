// SPDX-License-Identifier: Apache-2.0
// Egress does: the order of its stages, the same on every architecture.
//
//   replicate -> rewrite -> acl, flow_state -> port meter, or tunnels -> egress_ports, or outer headers -> account
//
// As in ingress, what counts, measures or remembers packets waits until it is known that the packet is not dropped for another
// reason; all else runs ahead.
#ifndef COMMON_EGRESS_P4
#define COMMON_EGRESS_P4

#include "headers.p4"
#include "metadata.p4"
#include "rewrite.p4"
#include "acl.p4"
#include "flow_state.p4"
#include "encap.p4"
#include "account.p4"

control EgressPipeline(
    inout added_headers_t added, inout frame_headers_t hdr, inout metadata_t meta, in flow_time_t now) {
    Rewrite() rewrite;
    FlowFacts() flow_facts;
    Neighbors() neighbors;
    AclEgress() acl_egress;
    FlowCell() flow_cell;
    FlowRecords() flow_records;
    PortEgressMeter() port_egress_meter;
    Tunnels() tunnels;
    EgressPorts() egress_ports;
    OuterHeaders() outer_headers;
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
            flow_facts.apply(hdr, meta);
            flow_cell.apply(hdr, meta);
            rewrite.apply(hdr, meta);
            if (meta.egress.rewrite_mode == REWRITE_TRANSIT || meta.egress.port_index[15:15] == BEHIND_TUNNEL) {
                neighbors.apply(added, meta);
            }
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0) {
                if (meta.egress.is_guarded == 1 && meta.egress.rewrite_mode == REWRITE_ROUTED) {
                    acl_egress.apply(hdr, meta);
                }
                if (meta.is_acl_denied == 1) {
                    meta.drop_reason = DROP_ACL;
                } else if (meta.flow.is_tracked == 1
                    && (meta.egress.rewrite_mode == REWRITE_BRIDGED || meta.egress.rewrite_mode == REWRITE_ROUTED)) {
                    flow_records.apply(hdr, meta, now);
                }
            }
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0) {
                if (meta.egress.is_unruled == 1 && meta.flow.is_established == 0) {
                    meta.drop_reason = DROP_POLICY;
                } else if (meta.egress.rewrite_mode != REWRITE_TRANSIT && meta.egress.port_index[15:15] != BEHIND_TUNNEL) {
                    if (meta.egress.rewrite_mode != REWRITE_MIRRORED) {
                        port_egress_meter.apply(meta);
                    }
                } else if (meta.has_neighbor == 0) {
                    meta.drop_reason = DROP_NO_NEIGHBOR;
                } else if (meta.egress.rewrite_mode != REWRITE_TRANSIT) {
                    tunnels.apply(added, meta);
                }
            }
            if (meta.drop_reason == DROP_NONE && meta.is_pruned == 0) {
                if (meta.egress.rewrite_mode == REWRITE_TRANSIT) {
                    added.encap_ethernet.ether_type = hdr.ethernet.ether_type;
                    hdr.ethernet.setInvalid();
                } else if (meta.egress.port_index[15:15] == BEHIND_TUNNEL) {
                    outer_headers.apply(added, meta);
                } else if (meta.port_color == COLOR_RED) {
                    meta.drop_reason = DROP_RATE;
                } else {
                    egress_ports.apply(hdr, meta);
                }
            }
            account.apply(meta);
        }
    }
}

#endif
