// SPDX-License-Identifier: Apache-2.0
// What TNA calls by other names than the other architectures do, and what only it does in its own way.
#ifndef TNA_ARCH_P4
#define TNA_ARCH_P4

#include <core.p4>
#include <tna.p4>
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
const bit<32> FLOW_STATE_SIZE = 65536;

// How long a flow's record holds without a packet of the flow, in units of `meta.now`: 2^30 ns, a little over a second.
const flow_stamp_t FLOW_LIFETIME = 128;

// Part of a packet's length as egress sees it.
const bit<16> FCS_BYTES = 4;

// Ingress to egress. The fields of egress_verdict_t, in whole bytes.
header bridged_t {
    rewrite_mode_t      rewrite_mode;
    bit<8>              punt_reason;
    @padding bit<7>     pad_is_gateway; // a byte each: bits of one byte would tie all their sources together
    bit<1>              is_gateway;
    @padding bit<7>     pad_is_dad;
    bit<1>              is_dad;
    @padding bit<7>     pad_keeps_tag;
    bit<1>              keeps_tag;
    @padding bit<7>     pad_is_guarded;
    bit<1>              is_guarded;
    @padding bit<7>     pad_is_terminated;
    bit<1>              is_terminated;
    @padding bit<7>     pad_is_unruled;
    bit<1>              is_unruled;
    @padding bit<7>     pad_is_dscp_uniform;
    bit<1>              is_dscp_uniform;
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
}
const bit<16> BRIDGED_BYTES = 30;

struct ingress_headers_t {
    bridged_t bridged;
    headers_t received;
}

struct egress_headers_t {
    bridged_t       bridged;
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

// One value per flow: L3 and L4 fields, of a fragment only L3, of all other frames the Ethernet header.
control FlowHash(inout metadata_t meta) {
    Hash<bit<32>>(HashAlgorithm_t.CRC32) ipv4_hash;
    Hash<bit<32>>(HashAlgorithm_t.CRC32) ipv6_hash;
    Hash<bit<32>>(HashAlgorithm_t.CRC32) ethernet_hash;
    bit<16> src_port;
    bit<16> dst_port;

    apply {
        src_port = meta.lkp.l4_src_port;
        dst_port = meta.lkp.l4_dst_port;
        if (meta.lkp.is_fragment == 1) {
            src_port = 0;
            dst_port = 0;
        }
        if (meta.lkp.kind == FRAME_IPV4) {
            meta.flow_hash = ipv4_hash.get({
                meta.lkp.src_v4, meta.lkp.dst_v4, meta.lkp.ip_protocol, src_port, dst_port
            });
        } else if (meta.lkp.kind == FRAME_IPV6) {
            meta.flow_hash = ipv6_hash.get({
                meta.lkp.src_v6, meta.lkp.dst_v6, meta.lkp.ip_protocol, src_port, dst_port
            });
        } else {
            meta.flow_hash = ethernet_hash.get({ meta.lkp.src_mac, meta.lkp.dst_mac, meta.lkp.ether_type });
        }
        meta.egress.source_port = meta.flow_hash[15:0] | 0xc000;
    }
}

// Frames of a tenant's port against its rate.
control PortIngressMeter(inout metadata_t meta) {
    @name(".port_ingress_meter") @id(0x01)
    Meter<port_index_t>(PORT_METER_SIZE, MeterType_t.BYTES) port_ingress_meter;
    meter_color_t color;

    apply {
        color = port_ingress_meter.execute(meta.port_index);
        if (color == COLOR_RED) {
            meta.is_red = 1;
        }
    }
}

// Frames to a tenant's port against its rate.
control PortEgressMeter(inout metadata_t meta) {
    @name(".port_egress_meter") @id(0x02)
    Meter<port_index_t>(PORT_METER_SIZE, MeterType_t.BYTES) port_egress_meter;
    meter_color_t color;

    apply {
        color = port_egress_meter.execute(meta.egress.port_index);
        if (color == COLOR_RED) {
            meta.is_red = 1;
        }
    }
}

// Dropped frames that the controller shall see, against the rate of their reason.
control PuntMeter(inout metadata_t meta) {
    @name(".punt_meter") @id(0x03)
    Meter<drop_reason_t>(PUNT_METER_SIZE, MeterType_t.PACKETS) punt_meter;

    apply {
        if (meta.is_punted == 1) {
            meta.punt_color = punt_meter.execute(meta.drop_reason);
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

    apply {
        ipv6.traffic_class = move.get({ tos });
    }
}

// The deparser adds up a header of 20 bytes, which ingress has verified, anew. One with options it cannot: there the checksum
// moves by what the time to live moves (RFC 1624), and congestion marks stay as they are.
control ChecksumMoves(inout frame_headers_t hdr, inout metadata_t meta) {
    apply {
        if (meta.outer.has_options == 0) {
            meta.is_checksum_due = 1;
        } else {
            meta.tos = meta.old_tos;
            if (meta.egress.rewrite_mode == REWRITE_ROUTED || meta.egress.rewrite_mode == REWRITE_TRANSIT) {
                // From 0xfeff on the sum needs an end-around carry.
                if (hdr.ipv4.checksum[15:8] == 0xff || hdr.ipv4.checksum == 0xfeff) {
                    hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0101;
                } else {
                    hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0100;
                }
            }
        }
    }
}

// Questions for link-local addresses are not answered yet: a MAC out of an address ties all containers of addresses together,
// and the compiler finds no allocation for them.
control LinkLocalQuery(inout lookup_t lkp) {
    apply {
    }
}

// One cell of a register array.
struct flow_cell_t {
    bit<32> first;
    bit<32> second;
}

// One word of the addresses of both ends. The reverse of a flow is compared crosswise, so nothing has to be swapped before.
control FlowAddressWord(in bit<32> src, in bit<32> dst, in bit<1> is_reply, in flow_index_t index, out bit<1> is_same) {
    Register<flow_cell_t, flow_index_t>(FLOW_STATE_SIZE) words;

    RegisterAction<flow_cell_t, flow_index_t, bit<1>>(words) record = {
        void apply(inout flow_cell_t cell, out bit<1> result) {
            cell.first = src;
            cell.second = dst;
            result = 0;
        }
    };

    RegisterAction<flow_cell_t, flow_index_t, bit<1>>(words) compare = {
        void apply(inout flow_cell_t cell, out bit<1> result) {
            result = 0;
            if (cell.first == dst && cell.second == src) {
                result = 1;
            }
        }
    };

    apply {
        if (is_reply == 0) {
            is_same = record.execute(index);
        } else {
            is_same = compare.execute(index);
        }
    }
}

// The cells of flow_state, for each pipe of the chip its own: docs/adr/0008 says what follows.
control FlowRecords(inout metadata_t meta) {
    FlowAddressWord() words_v4;
    FlowAddressWord() words_v6_0;
    FlowAddressWord() words_v6_1;
    FlowAddressWord() words_v6_2;
    FlowAddressWord() words_v6_3;
    Register<flow_cell_t, flow_index_t>(FLOW_STATE_SIZE) flow_ports;
    Hash<flow_index_t>(HashAlgorithm_t.CRC16) hash_v4;
    Hash<flow_index_t>(HashAlgorithm_t.CRC16) hash_v6;

    bit<16>     port_difference;
    ipv4_addr_t difference_v4;
    ipv6_addr_t difference_v6;
    bit<1>      is_same;
    bit<1>      is_same_1;
    bit<1>      is_same_2;
    bit<1>      is_same_3;

    RegisterAction<flow_cell_t, flow_index_t, bit<1>>(flow_ports) record = {
        void apply(inout flow_cell_t cell, out bit<1> result) {
            cell.first = meta.flow.ports;
            cell.second = meta.flow.stamp;
            result = 0;
        }
    };

    RegisterAction<flow_cell_t, flow_index_t, bit<1>>(flow_ports) refresh = {
        void apply(inout flow_cell_t cell, out bit<1> result) {
            result = 0;
            if (cell.first == meta.flow.ports && meta.flow.stamp - cell.second < FLOW_LIFETIME) {
                cell.second = meta.flow.stamp;
                result = 1;
            }
        }
    };

    @hidden
    action mix() {
        meta.flow.ports = meta.flow.src_port ++ meta.flow.dst_port;
        port_difference = meta.flow.src_port ^ meta.flow.dst_port;
        difference_v4 = meta.lkp.src_v4 ^ meta.lkp.dst_v4;
        difference_v6 = meta.lkp.src_v6 ^ meta.lkp.dst_v6;
    }

    apply {
        mix();
        if (meta.lkp.kind == FRAME_IPV6) {
            meta.flow.index = hash_v6.get({ meta.egress.vrf, difference_v6, port_difference, meta.lkp.ip_protocol });
            words_v6_0.apply(
                meta.lkp.src_v6[127:96], meta.lkp.dst_v6[127:96], meta.flow.is_reply, meta.flow.index, is_same);
            words_v6_1.apply(
                meta.lkp.src_v6[95:64], meta.lkp.dst_v6[95:64], meta.flow.is_reply, meta.flow.index, is_same_1);
            words_v6_2.apply(
                meta.lkp.src_v6[63:32], meta.lkp.dst_v6[63:32], meta.flow.is_reply, meta.flow.index, is_same_2);
            words_v6_3.apply(
                meta.lkp.src_v6[31:0], meta.lkp.dst_v6[31:0], meta.flow.is_reply, meta.flow.index, is_same_3);
        } else {
            meta.flow.index = hash_v4.get({ meta.egress.vrf, difference_v4, port_difference, meta.lkp.ip_protocol });
            words_v4.apply(meta.lkp.src_v4, meta.lkp.dst_v4, meta.flow.is_reply, meta.flow.index, is_same);
            is_same_1 = 1;
            is_same_2 = 1;
            is_same_3 = 1;
        }
        if (meta.flow.is_reply == 0) {
            record.execute(meta.flow.index);
        } else if (is_same == 1 && is_same_1 == 1 && is_same_2 == 1 && is_same_3 == 1) {
            meta.flow.is_established = refresh.execute(meta.flow.index);
        }
    }
}

#endif
