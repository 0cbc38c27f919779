// SPDX-License-Identifier: Apache-2.0
// A sender uses only its own MAC and addresses: Ethernet, IPv4, IPv6, ARP and neighbour discovery. Decides for tenants' ports
// and foreign VTEPs; that a source address is no host at all is told for everybody.
#ifndef COMMON_GUARD_P4
#define COMMON_GUARD_P4

#include "metadata.p4"
#include "sizes.p4"

control SourceKind(inout metadata_t meta) {
    @hidden
    action set_source_kind(source_kind_t kind) {
        meta.source_kind = kind;
    }

    // RFC 1812 section 5.3.7, RFC 3927.
    @hidden
    table source_kinds_v4 {
        key = {
            meta.lkp.src[31:0] : ternary;
        }
        actions = {
            set_source_kind;
            NoAction;
        }
        const entries = {
            0x00000000 &&& 0xffffffff : set_source_kind(SOURCE_UNSPECIFIED);
            0x00000000 &&& 0xff000000 : set_source_kind(SOURCE_MARTIAN);
            0x7f000000 &&& 0xff000000 : set_source_kind(SOURCE_MARTIAN);
            0xe0000000 &&& 0xe0000000 : set_source_kind(SOURCE_MARTIAN);
            0xa9fe0000 &&& 0xffff0000 : set_source_kind(SOURCE_LINK_LOCAL);
        }
        const default_action = NoAction;
    }

    // RFC 4291 sections 2.5 and 2.7.
    @hidden
    table source_kinds_v6 {
        key = {
            meta.lkp.src : ternary;
        }
        actions = {
            set_source_kind;
            NoAction;
        }
        const entries = {
            0x00000000000000000000000000000000 &&& 0xffffffffffffffffffffffffffffffff : set_source_kind(SOURCE_UNSPECIFIED);
            0x00000000000000000000000000000001 &&& 0xffffffffffffffffffffffffffffffff : set_source_kind(SOURCE_MARTIAN);
            0xff000000000000000000000000000000 &&& 0xff000000000000000000000000000000 : set_source_kind(SOURCE_MARTIAN);
            0xfe800000000000000000000000000000 &&& 0xffc00000000000000000000000000000 : set_source_kind(SOURCE_LINK_LOCAL);
        }
        const default_action = NoAction;
    }

    apply {
        if (meta.lkp.kind == FRAME_IPV6) {
            source_kinds_v6.apply();
        } else {
            source_kinds_v4.apply();
        }
    }
}

control Guard(inout metadata_t meta) {
    @name(".permit_source") @id(0x0a)
    action permit_source() {
        meta.is_source_address = 1;
    }

    @name(".permit_foreign_source") @id(0x0b)
    action permit_foreign_source(@id(1) policy_label_t policy_label) {
        meta.is_source_address = 1;
        meta.src_label = policy_label;
    }

    @name(".permit_mac") @id(0x24)
    action permit_mac() {
        meta.is_source_mac = 1;
    }

    // Written for each MAC of a port: the sender of an ARP probe (RFC 5227) or of duplicate address detection (RFC 4862),
    // which has no address yet. A miss drops such a packet, and says nothing of others.
    @name(".source_guard_mac") @id(0x07)
    table source_guard_mac {
        key = {
            meta.port_index    : exact @name("port_index") @id(1);
            meta.bridge_domain : exact @name("bridge_domain") @id(2);
            meta.lkp.src_mac   : exact @name("src_mac") @id(3);
        }
        actions = {
            permit_mac;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = SOURCE_GUARD_MAC_SIZE;
    }

    // Written for each MAC and address pair of a port: the source of its IPv4, the sender of its ARP. A miss drops.
    @name(".source_guard_v4") @id(0x08)
    table source_guard_v4 {
        key = {
            meta.port_index    : exact @name("port_index") @id(1);
            meta.bridge_domain : exact @name("bridge_domain") @id(2);
            meta.lkp.src_mac   : exact @name("src_mac") @id(3);
            meta.lkp.src[31:0]    : exact @name("src_address") @id(4);
        }
        actions = {
            permit_source;
            permit_foreign_source;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = SOURCE_GUARD_V4_SIZE;
    }

    // As source_guard_v4; a port's link-local address has its entry like any other.
    @name(".source_guard_v6") @id(0x16)
    table source_guard_v6 {
        key = {
            meta.port_index    : exact @name("port_index") @id(1);
            meta.bridge_domain : exact @name("bridge_domain") @id(2);
            meta.lkp.src_mac   : exact @name("src_mac") @id(3);
            meta.lkp.src    : exact @name("src_address") @id(4);
        }
        actions = {
            permit_source;
            permit_foreign_source;
            @defaultonly NoAction;
        }
        const default_action = NoAction;
        size = SOURCE_GUARD_V6_SIZE;
    }

    apply {
        source_guard_mac.apply();
        if (meta.lkp.kind == FRAME_IPV6) {
            source_guard_v6.apply();
        } else {
            source_guard_v4.apply();
        }
    }
}

#endif
