// SPDX-License-Identifier: Apache-2.0
// Ingress decides: the order of its stages, the same on every architecture.
//
//   fabric_ports, vteps -> access_ports or terminate -> lookup -> admit -> guard, answer, route -> decide -> policy, acl,
//   underlay -> account
//
// Stages find facts, and three lists (`admit`, `decide`) say what follows from them. What counts packets (policy, ACLs)
// waits until it is known that the packet is not dropped for another reason. The front file turns `is_trapped`, `is_punted` (within
// its rate), `drop_reason` and `is_flooded`, in this order, into what the architecture wants.
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
    SourceKind() source_kind;
    Guard() guard;
    Answer() answer;
    LinkLocalQuery() link_local_query;
    Route() route;
    Reply() reply;
    DecideSource() decide_source;
    DecideDestination() decide_destination;
    DecideQuery() decide_query;
    PortIngressMeter() port_ingress_meter;
    Policy() policy;
    AclIngress() acl_ingress;
    Underlay(tunnel_paths, paths_v4, paths_v6) underlay;
    IngressAccount() account;

    apply {
        meta.egress.ingress_port = meta.ingress_port;
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
        source_kind.apply(meta);
        guard.apply(meta);
        answer.apply(meta);
        meta.excess = meta.lkp.ip_length |-| meta.mtu;
        if (meta.lkp.is_query == 1 && meta.lkp.kind == FRAME_IPV6) {
            link_local_query.apply(meta.lkp);
        }
        if (meta.is_transit == 1) {
            meta.egress.rewrite_mode = REWRITE_TRANSIT;
        } else {
            route.apply(meta);
        }
        if (meta.drop_reason == DROP_NONE && meta.is_transit == 0) {
            decide_source.apply(meta);
            if (meta.is_terminated == 1 && meta.is_gbp_peer == 1 && hdr.vxlan.flags[7:7] == 1) {
                meta.src_label = hdr.vxlan.group_policy;
            }
        }
        meta.index_difference = meta.egress.port_index ^ meta.port_index;
        meta.domain_difference = meta.egress.bridge_domain ^ meta.bridge_domain;
        if (meta.lkp.is_query == 1) {
            meta.needs_tunnel = meta.is_terminated;
            meta.dst_tunnel = meta.peer_tunnel;
        } else if (meta.is_flooded == 0) {
            meta.needs_tunnel = meta.egress.port_index[15:15];
        }
        if (meta.drop_reason == DROP_NONE) {
            if (meta.is_access == 1) {
                port_ingress_meter.apply(meta);
            }
            if (meta.lkp.is_query == 0 && meta.lkp.kind != FRAME_ARP) {
                decide_destination.apply(meta);
            }
        }
        if (meta.drop_reason == DROP_NONE) {
            if (meta.lkp.is_query == 1 || meta.lkp.kind == FRAME_ARP) {
                decide_query.apply(meta);
                reply.apply(meta);
            } else if (meta.is_guarded == 1 && meta.is_flooded == 0 && meta.index_difference != 0) {
                policy.apply(meta);
                if (meta.is_routed == 1) {
                    acl_ingress.apply(meta);
                }
            }
            underlay.apply(meta);
        }
        if (meta.drop_reason == DROP_NONE) {
            // What is redirected never goes back to the leaf that it came from either: two could send it to and fro.
            if ((meta.is_guarded == 1 || meta.is_moved == 1) && meta.lkp.is_query == 0 && meta.is_flooded == 0
                && meta.index_difference == 0) {
                meta.drop_reason = DROP_SAME_PORT;
            } else if (meta.is_policy_denied == 1) {
                meta.drop_reason = DROP_POLICY;
            } else if (meta.is_acl_denied == 1) {
                meta.drop_reason = DROP_ACL;
            } else if (meta.has_next_hop == 0 && (meta.is_transit == 1 || meta.needs_tunnel == 1)) {
                meta.drop_reason = DROP_NO_UNDERLAY_ROUTE;
            }
        }
        if (meta.drop_reason != DROP_NONE && meta.is_trapped == 0) {
            account.apply(meta);
        }
        meta.egress.is_guarded = meta.is_guarded;
        meta.egress.is_terminated = meta.is_terminated;
        meta.egress.source_index = meta.port_index;
        meta.egress.vrf = meta.vrf;
        meta.egress.src_label = meta.src_label;
    }
}

#endif
