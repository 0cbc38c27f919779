// SPDX-License-Identifier: Apache-2.0
// Network ACLs: ordered, stateless rules of a subnet, for what is routed out of it and into it. Both are asked where the packet
// enters the fabric, as policy is; those of the destination in egress, where there are stages to spare. A rule may ask for copies
// of what it matches, whatever it decides: for a mirror, and (within a rate, see account) for the controller.
#ifndef COMMON_ACL_P4
#define COMMON_ACL_P4

#include "headers.p4"
#include "metadata.p4"
#include "sizes.p4"

control AclIngress(inout metadata_t meta) {
    @name(".acl_ingress_v4_counter") @id(0x09)
    table_counter_t(TABLE_COUNTER) acl_ingress_v4_counter;

    @name(".permit_acl_ingress_v4") @id(0x25)
    action permit_acl_ingress_v4(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_ingress_v4_counter.count();
    }

    @name(".deny_acl_ingress_v4") @id(0x26)
    action deny_acl_ingress_v4(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.is_acl_denied = 1;
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_ingress_v4_counter.count();
    }

    // Written for each rule of the network ACL of a subnet that routed packets come from. A miss passes.
    @entries_with_ranges(102) @name(".acl_ingress_v4") @id(0x1b)
    table acl_ingress_v4 {
        key = {
            meta.bridge_domain   : exact @name("bridge_domain") @id(1);
            meta.lkp.src[31:0]      : ternary @name("src_address") @id(2);
            meta.lkp.dst[31:0]      : ternary @name("dst_address") @id(3);
            meta.lkp.ip_protocol : ternary @name("ip_protocol") @id(4);
            meta.lkp.l4_src_port : range @name("l4_src_port") @id(5);
            meta.lkp.l4_dst_port : range @name("l4_dst_port") @id(6);
            meta.lkp.has_l4      : ternary @name("has_l4") @id(7);
        }
        actions = {
            permit_acl_ingress_v4;
            deny_acl_ingress_v4;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = ACL_INGRESS_V4_SIZE;
        counters = acl_ingress_v4_counter;
    }

    @name(".acl_ingress_v6_counter") @id(0x0a)
    table_counter_t(TABLE_COUNTER) acl_ingress_v6_counter;

    @name(".permit_acl_ingress_v6") @id(0x27)
    action permit_acl_ingress_v6(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_ingress_v6_counter.count();
    }

    @name(".deny_acl_ingress_v6") @id(0x28)
    action deny_acl_ingress_v6(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.is_acl_denied = 1;
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_ingress_v6_counter.count();
    }

    // Written for each rule of the network ACL of a subnet that routed packets come from. A miss passes.
    @entries_with_ranges(51) @name(".acl_ingress_v6") @id(0x1c)
    table acl_ingress_v6 {
        key = {
            meta.bridge_domain   : exact @name("bridge_domain") @id(1);
            meta.lkp.src      : ternary @name("src_address") @id(2);
            meta.lkp.dst      : ternary @name("dst_address") @id(3);
            meta.lkp.ip_protocol : ternary @name("ip_protocol") @id(4);
            meta.lkp.l4_src_port : range @name("l4_src_port") @id(5);
            meta.lkp.l4_dst_port : range @name("l4_dst_port") @id(6);
            meta.lkp.has_l4      : ternary @name("has_l4") @id(7);
        }
        actions = {
            permit_acl_ingress_v6;
            deny_acl_ingress_v6;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = ACL_INGRESS_V6_SIZE;
        counters = acl_ingress_v6_counter;
    }

    apply {
        if (meta.is_guarded == 1 && meta.is_routed == 1 && meta.lkp.is_query == 0 && meta.lkp.kind == FRAME_IPV6) {
            acl_ingress_v6.apply();
        } else if (meta.is_guarded == 1 && meta.is_routed == 1 && meta.lkp.is_query == 0) {
            acl_ingress_v4.apply();
        }
    }
}

control AclEgress(in frame_headers_t hdr, inout metadata_t meta) {
    @name(".acl_egress_v4_counter") @id(0x0b)
    table_counter_t(TABLE_COUNTER) acl_egress_v4_counter;

    @name(".permit_acl_egress_v4") @id(0x29)
    action permit_acl_egress_v4(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_egress_v4_counter.count();
    }

    @name(".deny_acl_egress_v4") @id(0x2a)
    action deny_acl_egress_v4(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.is_acl_denied = 1;
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_egress_v4_counter.count();
    }

    // Written for each rule of the network ACL of a subnet that routed packets go to. A miss passes.
    @entries_with_ranges(102) @name(".acl_egress_v4") @id(0x1d)
    table acl_egress_v4 {
        key = {
            meta.egress.bridge_domain : exact @name("bridge_domain") @id(1);
            hdr.ipv4.src_addr         : ternary @name("src_address") @id(2);
            hdr.ipv4.dst_addr         : ternary @name("dst_address") @id(3);
            meta.egress.ip_protocol   : ternary @name("ip_protocol") @id(4);
            meta.egress.l4_src_port   : range @name("l4_src_port") @id(5);
            meta.egress.l4_dst_port   : range @name("l4_dst_port") @id(6);
            meta.egress.has_l4        : ternary @name("has_l4") @id(7);
        }
        actions = {
            permit_acl_egress_v4;
            deny_acl_egress_v4;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = ACL_EGRESS_V4_SIZE;
        counters = acl_egress_v4_counter;
    }

    @name(".acl_egress_v6_counter") @id(0x0c)
    table_counter_t(TABLE_COUNTER) acl_egress_v6_counter;

    @name(".permit_acl_egress_v6") @id(0x2b)
    action permit_acl_egress_v6(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_egress_v6_counter.count();
    }

    @name(".deny_acl_egress_v6") @id(0x2c)
    action deny_acl_egress_v6(@id(1) copy_session_t mirror_session, @id(2) bit<1> is_logged) {
        meta.is_acl_denied = 1;
        meta.copy_session = mirror_session;
        meta.is_logged = is_logged;
        acl_egress_v6_counter.count();
    }

    // Written for each rule of the network ACL of a subnet that routed packets go to. A miss passes.
    @entries_with_ranges(51) @name(".acl_egress_v6") @id(0x1e)
    table acl_egress_v6 {
        key = {
            meta.egress.bridge_domain : exact @name("bridge_domain") @id(1);
            hdr.ipv6.src_addr         : ternary @name("src_address") @id(2);
            hdr.ipv6.dst_addr         : ternary @name("dst_address") @id(3);
            meta.egress.ip_protocol   : ternary @name("ip_protocol") @id(4);
            meta.egress.l4_src_port   : range @name("l4_src_port") @id(5);
            meta.egress.l4_dst_port   : range @name("l4_dst_port") @id(6);
            meta.egress.has_l4        : ternary @name("has_l4") @id(7);
        }
        actions = {
            permit_acl_egress_v6;
            deny_acl_egress_v6;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = ACL_EGRESS_V6_SIZE;
        counters = acl_egress_v6_counter;
    }

    apply {
        if (meta.egress.is_guarded == 1 && meta.egress.rewrite_mode == REWRITE_ROUTED && hdr.ipv6.isValid()) {
            acl_egress_v6.apply();
        } else if (meta.egress.is_guarded == 1 && meta.egress.rewrite_mode == REWRITE_ROUTED) {
            acl_egress_v4.apply();
        }
    }
}

#endif
