// SPDX-License-Identifier: Apache-2.0
// What TNA calls by other names than the other architectures do, and what only it does in its own way.
#ifndef TNA_ARCH_P4
#define TNA_ARCH_P4

#include <core.p4>
#include <tna.p4>

// Age of a flow's record, in units of 2^32 ns: what fills the upper container of Tofino's clock.
typedef bit<16> flow_time_t;

// A cell of the flow records. With more of them the arrays would not share stages.
typedef bit<14> flow_index_t;

#include "../common/headers.p4"
#include "../common/metadata.p4"
#include "../common/sizes.p4"

// The CPU's PCIe port of a device with two pipes.
const port_id_t CPU_PORT = 192;

const meter_color_t COLOR_RED = 3;

typedef DirectCounter<bit<64>> table_counter_t;
const CounterType_t TABLE_COUNTER = CounterType_t.PACKETS_AND_BYTES;

typedef ActionSelector selector_t;

// Selectors: next hops of one group, weights included, and groups (one for each entry).
const bit<32> SELECTOR_GROUP_SIZE         = 64;
const bit<32> TUNNEL_SELECTOR_GROUPS      = 8192;
const bit<32> UNDERLAY_SELECTOR_V4_GROUPS = 4096;
const bit<32> UNDERLAY_SELECTOR_V6_GROUPS = 1024;

// Flow records in each register array: all that a flow_index_t can name.
const bit<32> FLOW_STATE_SIZE = 16384;

// How long a flow's record holds without a packet of the flow: more than two minutes (RFC 4787, REQ-5).
const flow_time_t FLOW_LIFETIME = 32;

// Part of a packet's length as egress sees it.
const bit<16> FCS_BYTES = 4;

// Ingress to egress. The fields of egress_verdict_t, in whole bytes. Flags share a byte only with those that are found at the same time,
// because tables that write to one byte cannot share a stage.
header bridged_t {
    rewrite_mode_t      rewrite_mode;
    bit<8>              punt_reason;
    @padding bit<7>     pad_is_guarded;
    bit<1>              is_guarded;
    @padding bit<7>     pad_is_gateway;
    bit<1>              is_gateway;
    @padding bit<6>     pad_is_terminated;
    bit<1>              keeps_tag;
    bit<1>              is_terminated;
    @padding bit<7>     pad_is_dscp_uniform;
    bit<1>              is_dscp_uniform;
    @padding bit<6>     pad_has_l4;
    bit<1>              has_l4;
    bit<1>              is_echo;
    @padding bit<6>     pad_is_unruled;
    bit<1>              is_unruled;
    bit<1>              is_dad;
    @padding bit<7>     pad_ingress_port;
    port_id_t           ingress_port;
    port_index_t        source_index;
    port_index_t        port_index;
    bridge_domain_t     bridge_domain;
    vrf_t               vrf;
    policy_label_t      src_label;
    bit<8>              outer_tos;
    mac_addr_t          dst_mac;
    bit<16>             source_port;
    bit<8>              ip_protocol;
    bit<16>             l4_src_port;
    bit<16>             l4_dst_port;
}
const bit<16> BRIDGED_BYTES = 34;

// Bytes that the architecture counts with a frame in egress and that are not of it.
const bit<16> LENGTH_EXCESS = BRIDGED_BYTES + FCS_BYTES;

// What a copy is of: ingress makes it of the frame as it was received, egress of the frame as it leaves. The first byte of what
// precedes a frame, as the rewrite mode is, from which it differs.
const copy_kind_t COPY_BARE        = 0x10; // the tenant's frame
const copy_kind_t COPY_RECEIVED_V4 = 0x11; // the tunnel packet that it came in
const copy_kind_t COPY_RECEIVED_V6 = 0x12;
const copy_kind_t COPY_SENT_V4     = 0x13; // the tunnel packet that it leaves in
const copy_kind_t COPY_SENT_V6     = 0x14;

// Precedes a copy, in place of bridged_t.
header copied_t {
    copy_kind_t         kind;
    bit<8>              punt_reason;
    @padding bit<7>     pad_ingress_port;
    port_id_t           ingress_port;
    vrf_t               vrf;
}

// Outer Ethernet, IP, UDP and VXLAN.
const bit<32> TUNNEL_V4_BITS = 400;
const bit<32> TUNNEL_V6_BITS = 560;

// `mirror_type`: there is one kind of copy.
const MirrorType_t MIRROR_COPY = 1;

struct ingress_headers_t {
    bridged_t bridged;
    headers_t received;
}

struct egress_headers_t {
    bridged_t       bridged;
    copied_t        copied;
    added_headers_t added;
    frame_headers_t frame;
}

// The parser's checksum unit looks at the header while it passes. It answers true when the sum is wrong.
parser Ipv4Checksum(in ipv4_t ipv4, inout bit<1> is_bad) {
    Checksum() checksum;

    state start {
        checksum.add(ipv4);
        is_bad = (bit<1>)checksum.verify();
        transition accept;
    }
}

// One value per flow: L3 and L4 fields; of what has no ports and of fragments L3, of which the end of each address must do, and the
// Ethernet header.
control FlowHash(inout metadata_t meta) {
    Hash<bit<32>>(HashAlgorithm_t.CRC32) transport_hash;
    Hash<bit<32>>(HashAlgorithm_t.CRC32) frame_hash;

    apply {
        if (meta.lkp.has_l4 == 1 && meta.lkp.is_fragment == 0) {
            meta.flow_hash = transport_hash.get({
                meta.lkp.src, meta.lkp.dst, meta.lkp.ip_protocol, meta.lkp.l4_src_port, meta.lkp.l4_dst_port
            });
        } else {
            meta.flow_hash = frame_hash.get({
                meta.lkp.src[31:0], meta.lkp.dst[31:0], meta.lkp.ip_protocol, meta.lkp.src_mac, meta.lkp.dst_mac,
                meta.lkp.ether_type
            });
        }
    }
}

// An identity hash moves bits to other containers.
control TurnHash(inout metadata_t meta) {
    Hash<bit<32>>(HashAlgorithm_t.IDENTITY) turn_16;
    Hash<bit<32>>(HashAlgorithm_t.IDENTITY) turn_8;

    apply {
        if (meta.tier == TIER_SUPER_SPINE) {
            meta.flow_hash = turn_16.get({ meta.flow_hash[15:0], meta.flow_hash[31:16] });
        } else if (meta.tier == TIER_CORE) {
            meta.flow_hash = turn_8.get({ meta.flow_hash[7:0], meta.flow_hash[31:8] });
        }
    }
}

// Frames of a tenant's port against its rate.
control PortIngressMeter(inout metadata_t meta) {
    @name(".port_ingress_meter") @id(0x01)
    Meter<port_index_t>(PORT_METER_SIZE, MeterType_t.BYTES) port_ingress_meter;

    apply {
        meta.color = port_ingress_meter.execute(meta.port_index);
    }
}

// Frames to a tenant's port against its rate.
control PortEgressMeter(inout metadata_t meta) {
    @name(".port_egress_meter") @id(0x02)
    Meter<port_index_t>(PORT_METER_SIZE, MeterType_t.BYTES) port_egress_meter;

    apply {
        meta.color = port_egress_meter.execute(meta.egress.port_index);
    }
}

// Frames that the controller may see, against the rate of their reason. Asked while `drop_reasons` is: a cell without a rate is green.
control PuntMeter(inout metadata_t meta) {
    @name(".punt_meter") @id(0x03)
    Meter<drop_reason_t>(PUNT_METER_SIZE, MeterType_t.PACKETS) punt_meter;

    apply {
        if (meta.is_trapped == 0 && (meta.drop_reason != DROP_NONE || meta.is_logged == 1)) {
            meta.color = punt_meter.execute(meta.egress.punt_reason);
        }
    }
}

// The same for what egress shows.
control EgressPuntMeter(inout metadata_t meta) {
    @name(".egress_punt_meter") @id(0x10)
    Meter<drop_reason_t>(EGRESS_PUNT_METER_SIZE, MeterType_t.PACKETS) egress_punt_meter;

    apply {
        if (meta.drop_reason != DROP_NONE || meta.is_logged == 1) {
            meta.color = egress_punt_meter.execute(meta.egress.punt_reason);
        }
    }
}

// The traffic class does not begin at a byte. An identity hash is Tofino's way to move bits to another place in a container.
control ReadTrafficClass(in ipv6_t ipv6, inout bit<8> tos) {
    Hash<bit<8>>(HashAlgorithm_t.IDENTITY) move;

    apply {
        tos = move.get({ ipv6.traffic_class });
    }
}

control WriteTrafficClass(inout ipv6_t ipv6, in bit<8> tos) {
    Hash<bit<8>>(HashAlgorithm_t.IDENTITY) move;

    // An action of its own: with a hash, Tofino does nothing that needs a constant too.
    @hidden
    action write() {
        ipv6.traffic_class = move.get({ tos });
    }

    apply {
        write();
    }
}

// The deparser adds up a header of 20 bytes, which ingress has verified, anew. One with options it cannot: there the checksum
// moves by what the time to live moves (RFC 1624), and congestion marks stay as they are.
control ChecksumMoves(inout frame_headers_t hdr, inout metadata_t meta) {
    @hidden
    action add_up() {
        meta.is_checksum_due = 1;
    }

    @hidden
    action keep() {
        meta.tos = meta.old_tos;
    }

    @hidden
    action move() {
        meta.tos = meta.old_tos;
        hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0100;
    }

    @hidden
    action move_with_carry() {
        meta.tos = meta.old_tos;
        hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0101;
    }

    @hidden
    table checksum_moves {
        key = {
            hdr.ipv4.version_ihl     : ternary;
            meta.egress.rewrite_mode : ternary;
            hdr.ipv4.checksum        : ternary;
        }
        actions = {
            add_up;
            keep;
            move;
            move_with_carry;
        }
        const entries = {
            (IPV4_VERSION_IHL, _,               _)                 : add_up();
            // From 0xfeff on the sum needs an end-around carry.
            (_,                REWRITE_ROUTED,  0xff00 &&& 0xff00) : move_with_carry();
            (_,                REWRITE_ROUTED,  0xfeff)            : move_with_carry();
            (_,                REWRITE_ROUTED,  _)                 : move();
            (_,                REWRITE_TRANSIT, 0xff00 &&& 0xff00) : move_with_carry();
            (_,                REWRITE_TRANSIT, 0xfeff)            : move_with_carry();
            (_,                REWRITE_TRANSIT, _)                 : move();
        }
        const default_action = keep;
    }

    apply {
        checksum_moves.apply();
    }
}

// Questions for link-local addresses are not answered yet: a MAC out of an address ties all containers of addresses together,
// and the compiler finds no allocation for them.
control LinkLocalQuery(inout lookup_t lkp) {
    apply {
    }
}

// Both ends of a flow in one cell. The reverse of a flow is compared crosswise, so nothing has to be swapped before.
struct flow_words_t {
    bit<32> src;
    bit<32> dst;
}

struct flow_ports_t {
    bit<16> src;
    bit<16> dst;
}

// The VRF too, because an index of 14 bits does not tell all VRFs apart.
struct flow_life_t {
    flow_time_t time;
    vrf_t       vrf;
}

// One word of the addresses.
control FlowAddressWord(in bit<32> src, in bit<32> dst, in bit<1> is_reply, in flow_index_t index, inout bit<1> is_same) {
    Register<flow_words_t, flow_index_t>(FLOW_STATE_SIZE) words;

    RegisterAction<flow_words_t, flow_index_t, bit<1>>(words) record = {
        void apply(inout flow_words_t cell, out bit<1> result) {
            cell.src = src;
            cell.dst = dst;
            result = 1;
        }
    };

    RegisterAction<flow_words_t, flow_index_t, bit<1>>(words) compare = {
        void apply(inout flow_words_t cell, out bit<1> result) {
            result = 0;
            if (cell.src == dst && cell.dst == src) {
                result = 1;
            }
        }
    };

    @hidden
    action record_word() {
        is_same = record.execute(index);
    }

    @hidden
    action compare_word() {
        is_same = compare.execute(index);
    }

    @hidden
    table access {
        key = {
            is_reply : exact;
        }
        actions = {
            record_word;
            compare_word;
            NoAction;
        }
        // Not by default, which could not use the index.
        const entries = {
            0 : record_word();
            1 : compare_word();
        }
        const default_action = NoAction;
    }

    apply {
        access.apply();
    }
}

// Which cell. Asked early, for every packet.
control FlowCell(in frame_headers_t hdr, inout metadata_t meta) {
    Hash<flow_index_t>(HashAlgorithm_t.CRC16) hash_v4;
    Hash<flow_index_t>(HashAlgorithm_t.CRC16) hash_v6;
    Hash<flow_index_t>(HashAlgorithm_t.CRC16) reverse_hash_v4;
    Hash<flow_index_t>(HashAlgorithm_t.CRC16) reverse_hash_v6;

    @hidden
    action find_v4() {
        meta.flow.index = hash_v4.get({
            meta.egress.vrf, hdr.ipv4.src_addr, hdr.ipv4.dst_addr, meta.flow.src_port, meta.flow.dst_port, meta.flow.protocol
        });
    }

    @hidden
    action find_reverse_v4() {
        meta.flow.index = reverse_hash_v4.get({
            meta.egress.vrf, hdr.ipv4.dst_addr, hdr.ipv4.src_addr, meta.flow.dst_port, meta.flow.src_port, meta.flow.protocol
        });
    }

    @hidden
    action find_v6() {
        meta.flow.index = hash_v6.get({
            meta.egress.vrf, hdr.ipv6.src_addr, hdr.ipv6.dst_addr, meta.flow.src_port, meta.flow.dst_port, meta.flow.protocol
        });
    }

    @hidden
    action find_reverse_v6() {
        meta.flow.index = reverse_hash_v6.get({
            meta.egress.vrf, hdr.ipv6.dst_addr, hdr.ipv6.src_addr, meta.flow.dst_port, meta.flow.src_port, meta.flow.protocol
        });
    }

    @hidden
    table cells_v4 {
        key = {
            meta.egress.is_unruled : exact;
        }
        actions = {
            find_v4;
            find_reverse_v4;
            NoAction;
        }
        const entries = {
            0 : find_v4();
            1 : find_reverse_v4();
        }
        const default_action = NoAction;
    }

    @hidden
    table cells_v6 {
        key = {
            meta.egress.is_unruled : exact;
        }
        actions = {
            find_v6;
            find_reverse_v6;
            NoAction;
        }
        const entries = {
            0 : find_v6();
            1 : find_reverse_v6();
        }
        const default_action = NoAction;
    }

    apply {
        if (hdr.ipv6.isValid()) {
            cells_v6.apply();
        } else {
            cells_v4.apply();
        }
    }
}

// The cells of flow_state, for each pipe of the chip its own: docs/adr/0008 says what follows.
control FlowRecords(in frame_headers_t hdr, inout metadata_t meta, in flow_time_t now) {
    FlowAddressWord() words_v4;
    FlowAddressWord() words_v6_0;
    FlowAddressWord() words_v6_1;
    FlowAddressWord() words_v6_2;
    FlowAddressWord() words_v6_3;
    Register<flow_ports_t, flow_index_t>(FLOW_STATE_SIZE) flow_ports;
    Register<bit<8>, flow_index_t>(FLOW_STATE_SIZE) flow_protocols;
    Register<flow_life_t, flow_index_t>(FLOW_STATE_SIZE) flow_lives;

    RegisterAction<flow_ports_t, flow_index_t, bit<1>>(flow_ports) record_ports = {
        void apply(inout flow_ports_t cell, out bit<1> result) {
            cell.src = meta.flow.src_port;
            cell.dst = meta.flow.dst_port;
            result = 1;
        }
    };

    RegisterAction<flow_ports_t, flow_index_t, bit<1>>(flow_ports) compare_ports = {
        void apply(inout flow_ports_t cell, out bit<1> result) {
            result = 0;
            if (cell.src == meta.flow.dst_port && cell.dst == meta.flow.src_port) {
                result = 1;
            }
        }
    };

    RegisterAction<bit<8>, flow_index_t, bit<1>>(flow_protocols) record_protocol = {
        void apply(inout bit<8> cell, out bit<1> result) {
            cell = meta.flow.protocol;
            result = 1;
        }
    };

    RegisterAction<bit<8>, flow_index_t, bit<1>>(flow_protocols) compare_protocol = {
        void apply(inout bit<8> cell, out bit<1> result) {
            result = 0;
            if (cell == meta.flow.protocol) {
                result = 1;
            }
        }
    };

    RegisterAction<flow_life_t, flow_index_t, bit<1>>(flow_lives) record_life = {
        void apply(inout flow_life_t cell, out bit<1> result) {
            cell.time = now;
            cell.vrf = meta.egress.vrf;
            result = 0;
        }
    };

    RegisterAction<flow_life_t, flow_index_t, bit<1>>(flow_lives) refresh = {
        void apply(inout flow_life_t cell, out bit<1> result) {
            result = 0;
            if (now - cell.time < FLOW_LIFETIME && cell.vrf == meta.egress.vrf) {
                cell.time = now;
                result = 1;
            }
        }
    };

    @hidden
    action make_ports() {
        meta.flow.is_same_ports = record_ports.execute(meta.flow.index);
    }

    @hidden
    action need_ports() {
        meta.flow.is_same_ports = compare_ports.execute(meta.flow.index);
    }

    @hidden
    table ports {
        key = {
            meta.egress.is_unruled : exact;
        }
        actions = {
            make_ports;
            need_ports;
            NoAction;
        }
        const entries = {
            0 : make_ports();
            1 : need_ports();
        }
        const default_action = NoAction;
    }

    @hidden
    action make_protocol() {
        meta.flow.is_same_protocol = record_protocol.execute(meta.flow.index);
    }

    @hidden
    action need_protocol() {
        meta.flow.is_same_protocol = compare_protocol.execute(meta.flow.index);
    }

    @hidden
    table protocols {
        key = {
            meta.egress.is_unruled : exact;
        }
        actions = {
            make_protocol;
            need_protocol;
            NoAction;
        }
        const entries = {
            0 : make_protocol();
            1 : need_protocol();
        }
        const default_action = NoAction;
    }

    @hidden
    action make_life() {
        meta.flow.is_established = record_life.execute(meta.flow.index);
    }

    @hidden
    action need_life() {
        meta.flow.is_established = refresh.execute(meta.flow.index);
    }

    @hidden
    table lives {
        key = {
            meta.egress.is_unruled : exact;
        }
        actions = {
            make_life;
            need_life;
            NoAction;
        }
        const entries = {
            0 : make_life();
            1 : need_life();
        }
        const default_action = NoAction;
    }

    apply {
        if (hdr.ipv6.isValid()) {
            words_v6_0.apply(
                hdr.ipv6.src_addr[127:96], hdr.ipv6.dst_addr[127:96], meta.egress.is_unruled, meta.flow.index,
                meta.flow.is_same);
            words_v6_1.apply(
                hdr.ipv6.src_addr[95:64], hdr.ipv6.dst_addr[95:64], meta.egress.is_unruled, meta.flow.index,
                meta.flow.is_same_1);
            words_v6_2.apply(
                hdr.ipv6.src_addr[63:32], hdr.ipv6.dst_addr[63:32], meta.egress.is_unruled, meta.flow.index,
                meta.flow.is_same_2);
            words_v6_3.apply(
                hdr.ipv6.src_addr[31:0], hdr.ipv6.dst_addr[31:0], meta.egress.is_unruled, meta.flow.index,
                meta.flow.is_same_3);
        } else {
            words_v4.apply(
                hdr.ipv4.src_addr, hdr.ipv4.dst_addr, meta.egress.is_unruled, meta.flow.index, meta.flow.is_same);
            meta.flow.is_same_1 = 1;
            meta.flow.is_same_2 = 1;
            meta.flow.is_same_3 = 1;
        }
        ports.apply();
        protocols.apply();
        if (meta.flow.is_same == 1 && meta.flow.is_same_1 == 1 && meta.flow.is_same_2 == 1 && meta.flow.is_same_3 == 1
            && meta.flow.is_same_ports == 1 && meta.flow.is_same_protocol == 1) {
            lives.apply();
        }
    }
}

#endif
