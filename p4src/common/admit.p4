// SPDX-License-Identifier: Apache-2.0
// Frames that no switch or router should carry on, whatever is in its tables: one list, the first line that holds decides.
// A list and not a chain of conditions, because Tofino asks a list in one stage. RFC 791, RFC 826, RFC 1812 section 5.3.7,
// RFC 7348. What needs the frame's length is checked in egress, where every architecture knows it. The checksum of a header
// with options is left to the receiver: no architecture here can add up a header of any length at line rate.
#ifndef COMMON_ADMIT_P4
#define COMMON_ADMIT_P4

#include "headers.p4"
#include "metadata.p4"

control Admit(in headers_t hdr, inout metadata_t meta) {
    @hidden
    action admit() {
    }

    @hidden
    action refuse(drop_reason_t reason) {
        meta.drop_reason = reason;
    }

    @hidden
    table admission {
        key = {
            meta.is_parser_error                : ternary;
            hdr.frame.udp.isValid()             : ternary;
            meta.is_fabric                      : ternary;
            meta.is_access                      : ternary;
            meta.is_local_vtep                  : ternary;
            hdr.frame.ethernet.dst_addr[40:40]  : ternary;
            meta.datagram.is_there              : ternary;
            meta.datagram.is_bad_checksum       : ternary;
            meta.lkp.is_fragment                : ternary;
            hdr.vxlan.isValid()                 : ternary;
            hdr.vxlan.flags                     : ternary;
            meta.is_peer                        : ternary;
            meta.is_vni                         : ternary;
            hdr.inner.vlan.isValid()            : ternary;
            meta.is_vlan_transparent            : ternary;
            meta.lkp.kind                       : ternary;
            meta.lkp.is_wrong_arp               : ternary;
            meta.lkp.is_wrong_ip                : ternary;
            meta.lkp.is_bad_checksum            : ternary;
            meta.lkp.has_options                : ternary;
            meta.lkp.is_neighbor                : ternary;
            meta.lkp.ttl                        : ternary;
        }
        actions = {
            admit;
            refuse;
        }
        // What is behind a UDP header is the tenant's business, until it is ours.
        const entries = {
            // error udp fabric access local group
            //                       datagram sum fragment
            //                                   vxlan flags peer vni vlan carried
            //                                                               kind arp wrong sum options neighbour ttl
            (1, false, _, _, _, _,    _, _, _,    _, _, _, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_MALFORMED);
            (_, _,     0, 0, _, _,    _, _, _,    _, _, _, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_UNKNOWN_PORT);
            (_, _,     1, _, 1, 1,    _, _, _,    _, _, _, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_BROADCAST);
            (_, _,     1, _, 1, _,    0, _, _,    _, _, _, _, _, _,           _, _, 1, _, _, _, _) : refuse(DROP_IP_HEADER);
            (_, _,     1, _, 1, _,    0, _, _,    _, _, _, _, _, _,           _, _, _, 1, 0, _, _) : refuse(DROP_IP_HEADER);
            (_, _,     1, _, 1, _,    1, 1, _,    _, _, _, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_IP_HEADER);
            (_, _,     1, _, 1, _,    0, _, 1,    _, _, _, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_OUTER_FRAGMENT);
            (1, _,     1, _, 1, _,    _, _, _,    _, _, _, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_MALFORMED);
            (_, _,     1, _, 1, _,    _, _, _,    false, _, _, _, _, _,       _, _, _, _, _, _, _) : refuse(DROP_NOT_VXLAN);
            (_, _,     1, _, 1, _,    _, _, _,    _, 0 &&& 8, _, _, _, _,     _, _, _, _, _, _, _) : refuse(DROP_VXLAN_FLAGS);
            (_, _,     1, _, 1, _,    _, _, _,    _, _, 0, _, _, _,           _, _, _, _, _, _, _) : refuse(DROP_UNKNOWN_VTEP);
            (_, _,     1, _, 1, _,    _, _, _,    _, _, _, 0, _, _,           _, _, _, _, _, _, _) : refuse(DROP_UNKNOWN_VNI);
            (_, _,     1, _, 1, _,    _, _, _,    _, _, _, _, true, 0,        _, _, _, _, _, _, _) : refuse(DROP_INNER_VLAN);
            (_, _,     _, _, _, _,    _, _, _,    _, _, _, _, _, _,           _, 1, _, _, _, _, _) : refuse(DROP_MALFORMED);
            (_, _,     _, _, _, _,    _, _, _,    _, _, _, _, _, _, FRAME_OTHER, _, _, _, _, _, _) : refuse(DROP_ETHER_TYPE);
            (_, _,     _, _, _, _,    _, _, _,    _, _, _, _, _, _,           _, _, 1, _, _, _, _) : refuse(DROP_IP_HEADER);
            (_, _,     _, _, _, _,    _, _, _,    _, _, _, _, _, _,           _, _, _, 1, 0, _, _) : refuse(DROP_IP_HEADER);
            (_, _,     _, _, _, _,    _, _, _,    _, _, _, _, _, _,           _, _, _, _, _, 1, ND_HOP_LIMIT) : admit();
            (_, _,     _, _, _, _,    _, _, _,    _, _, _, _, _, _,           _, _, _, _, _, 1, _) : refuse(DROP_IP_HEADER);
        }
        const default_action = admit;
    }

    apply {
        admission.apply();
    }
}

#endif
