// SPDX-License-Identifier: Apache-2.0
// Ingress decides: the order of its stages, the same on every architecture.
//
//   fabric_ports, vteps -> access_ports or terminate -> lookup -> admit -> guard, answer, route -> decide -> policy, acl,
//   underlay -> account
//
// Stages find facts, and five lists (`admit`, `decide`) say what follows from them. What counts packets (policy, ACLs)
// waits until it is known that the packet is not dropped for another reason. The front file turns `is_trapped`, `is_punted` (within
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
    Lookup() lookup_frame;
    Lookup() lookup_inner;
    Traps() traps;
    Admit() admit;
    FlowHash() flow_hash;
    TurnHash() turn_hash;
    SourceKind() source_kind;
    Guard() guard;
    Answer() answer;
    LinkLocalQuery() link_local_query;
    Route() route;
    Reply() reply;
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
        meta.excess = meta.lkp.ip_length |-| meta.mtu;
    }

    apply {
        meta.egress.ingress_port = meta.ingress_port;
        meta.egress.rewrite_mode = REWRITE_BRIDGED;
        fabric_ports.apply(hdr.frame, meta);
        vteps.apply(hdr, meta);
        if (meta.is_fabric == 1 && meta.is_local_vtep == 1 && hdr.vxlan.isValid()) {
            meta.is_terminated = 1;
            terminate.apply(hdr, meta);
            lookup_inner.apply(hdr.inner, meta.inner, meta.lkp);
        } else {
            access_ports.apply(hdr.frame, meta);
            lookup_frame.apply(hdr.frame, meta.outer, meta.lkp);
        }
        if (meta.is_fabric == 1 && meta.is_terminated == 0 && meta.lkp.kind != FRAME_ARP && meta.lkp.is_query == 0) {
            meta.is_transit = 1;
        }
        traps.apply(meta);
        admit.apply(hdr, meta);
        flow_hash.apply(meta);
        turn_hash.apply(meta);
        source_kind.apply(meta);
        guard.apply(meta);
        answer.apply(meta);
        measure_excess();
        if (meta.lkp.is_query == 1 && meta.lkp.kind == FRAME_IPV6) {
            link_local_query.apply(meta.lkp);
        }
        // What the fabric brings and no tunnel holds is no tenant's: transit, or a question about a link.
        if (meta.is_fabric == 0 || meta.is_terminated == 1) {
            route.apply(meta);
        }
        if (meta.is_transit == 1) {
            meta.egress.rewrite_mode = REWRITE_TRANSIT;
        }
        if (meta.drop_reason == DROP_NONE && meta.is_transit == 0) {
            decide_source.apply(meta);
            if (meta.is_terminated == 1 && meta.is_gbp_peer == 1 && hdr.vxlan.flags[7:7] == 1) {
                meta.src_label = hdr.vxlan.group_policy;
            }
        }
        if (meta.egress.port_index == meta.port_index) {
            meta.is_same_port = 1;
        }
        if (meta.egress.bridge_domain == meta.bridge_domain) {
            meta.is_same_domain = 1;
        }
        if (meta.lkp.is_query == 1) {
            reply.apply(meta);
        }
        if (meta.drop_reason == DROP_NONE) {
            if (meta.is_access == 1) {
                port_ingress_meter.apply(meta);
            }
            if (meta.lkp.is_query == 1 || meta.lkp.kind == FRAME_ARP) {
                decide_query.apply(meta);
            } else {
                decide_destination.apply(meta);
            }
        }
        if (meta.drop_reason == DROP_NONE && meta.port_color != COLOR_RED) {
            if (meta.is_guarded == 1 && meta.lkp.is_query == 0 && meta.is_flooded == 0 && meta.is_same_port == 0) {
                policy.apply(meta);
                if (meta.is_routed == 1) {
                    acl_ingress.apply(meta);
                }
            }
            underlay.apply(meta);
        }
        decide_last.apply(meta);
        if (meta.is_trapped == 0) {
            account.apply(meta);
        }
        meta.egress.is_guarded = meta.is_guarded;
        meta.egress.is_terminated = meta.is_terminated;
        meta.egress.source_index = meta.port_index;
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
