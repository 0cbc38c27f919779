// SPDX-License-Identifier: Apache-2.0
// Ingress decides: the order of its stages, the same on every architecture.
//
//   fabric_ports, vteps -> access_ports or terminate -> lookup -> admit -> guard, answer, route -> policy, acl, underlay
//   -> decide -> account
//
// Stages find facts, and five lists (`admit`, `decide`) say what follows from them. Conditions are long rather than nested: on
// Tofino a condition shares the place of the table that it is for, and one around others takes a place of its own. The front file turns `is_trapped`, `is_punted` (within
// its rate), `drop_reason` and `is_flooded`, in this order, into what the architecture wants, and makes the copies of `copy_session`.
#ifndef COMMON_INGRESS_P4
#define COMMON_INGRESS_P4

#include "headers.p4"
#include "metadata.p4"
#include "classify.p4"
#include "terminate.p4"
#include "lookup.p4"
#include "admit.p4"
#include "guard.p4"
#include "answer.p4"
#include "route.p4"
#include "decide.p4"
#include "policy.p4"
#include "acl.p4"
#include "underlay.p4"
#include "account.p4"

control IngressPipeline(in headers_t hdr, inout metadata_t meta)(
    selector_t tunnel_paths, selector_t paths_v4, selector_t paths_v6) {
    FabricPorts() fabric_ports;
    Vteps() vteps;
    AccessPorts() access_ports;
    Terminate() terminate;
    Lookup() lookup;
    Traps() traps;
    Admit() admit;
    FlowHash() flow_hash;
    TurnHash() turn_hash;
    CompareSender() compare_sender;
    SourceKind() source_kind;
    Guard() guard;
    Answer() answer;
    LinkLocalQuery() link_local_query;
    Route() route;
    DecideSource() decide_source;
    DecideDestination() decide_destination;
    DecideQuery() decide_query;
    DecideLast() decide_last;
    PortIngressMeter() port_ingress_meter;
    Policy() policy;
    AclIngress() acl_ingress;
    Underlay(tunnel_paths, paths_v4, paths_v6) underlay;
    IngressAccount() account;

    // An action, because on Tofino a comparison takes what an earlier action has calculated.
    @hidden
    action measure_excess() {
        meta.lkp.ip_length = meta.lkp.ip_length |-| meta.mtu;
    }

    // The answer to a question is its own reversal: it goes back to where that came from, with the address that was asked for.
    @hidden
    action turn_round() {
        meta.egress.bridge_domain = meta.bridge_domain;
        meta.egress.egress_port = meta.ingress_port;
        meta.egress.port_index = meta.port_index;
    }

    apply {
        meta.egress.ingress_port = meta.ingress_port;
        meta.egress.rewrite_mode = REWRITE_BRIDGED;
        fabric_ports.apply(hdr.frame, meta);
        vteps.apply(hdr, meta);
        if (meta.is_fabric == 1 && meta.is_local_vtep == 1 && hdr.vxlan.isValid()) {
            meta.is_terminated = 1;
            terminate.apply(hdr, meta);
        } else {
            access_ports.apply(hdr.frame, meta);
        }
        lookup.apply(hdr, meta);
        if (meta.is_fabric == 1 && meta.is_terminated == 0 && meta.lkp.kind != FRAME_ARP && meta.lkp.is_query == 0) {
            meta.is_transit = 1;
        }
        compare_sender.apply(meta.lkp);
        traps.apply(meta);
        admit.apply(hdr, meta);
        flow_hash.apply(meta);
        turn_hash.apply(meta);
        source_kind.apply(meta);
        guard.apply(meta);
        answer.apply(meta);
        measure_excess();
        link_local_query.apply(meta.lkp);
        // What the fabric brings and no tunnel holds is no tenant's: transit, or a question about a link.
        if (meta.is_fabric == 0 || meta.is_terminated == 1) {
            route.apply(meta);
        }
        if (meta.is_transit == 1) {
            meta.egress.rewrite_mode = REWRITE_TRANSIT;
        }
        if (meta.is_terminated == 1 && meta.is_gbp_peer == 1 && hdr.vxlan.flags[7:7] == 1) {
            meta.src_label = hdr.vxlan.group_policy;
        }
        if (meta.drop_reason == DROP_NONE && meta.is_transit == 0) {
            decide_source.apply(meta);
        }
        if (meta.egress.port_index == meta.port_index) {
            meta.is_same_port = 1;
        }
        if (meta.egress.bridge_domain == meta.bridge_domain) {
            meta.is_same_domain = 1;
        }
        if (meta.lkp.is_query == 1) {
            turn_round();
        }
        policy.apply(meta);
        acl_ingress.apply(meta);
        underlay.apply(meta);
        if (meta.drop_reason == DROP_NONE && meta.is_access == 1) {
            port_ingress_meter.apply(meta);
        }
        if (meta.drop_reason == DROP_NONE && (meta.lkp.is_query == 1 || meta.lkp.kind == FRAME_ARP)) {
            decide_query.apply(meta);
        } else if (meta.drop_reason == DROP_NONE) {
            decide_destination.apply(meta);
        }
        decide_last.apply(meta);
        account.apply(meta);
        meta.egress.is_guarded = meta.is_guarded;
        meta.egress.is_terminated = meta.is_terminated;
        meta.egress.source_index = meta.port_index;
        meta.egress.source_port = meta.flow_hash[15:0] | 0xc000;
        meta.egress.vrf = meta.vrf;
        meta.egress.src_label = meta.src_label;
        meta.egress.ip_protocol = meta.lkp.ip_protocol;
        meta.egress.has_l4 = meta.lkp.has_l4;
        meta.egress.is_echo = meta.lkp.is_echo;
        meta.egress.l4_src_port = meta.lkp.l4_src_port;
        meta.egress.l4_dst_port = meta.lkp.l4_dst_port;
    }
}

#endif
