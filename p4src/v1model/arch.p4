// SPDX-License-Identifier: Apache-2.0
// What v1model calls by other names than the other architectures do, and what only it does in its own way.
#ifndef V1MODEL_ARCH_P4
#define V1MODEL_ARCH_P4

#include <v1model.p4>

// Age of a flow's record, in units of 2^20 us, a little over a second.
typedef bit<24> flow_time_t;

// A cell of the flow records.
typedef bit<16> flow_index_t;

#include "../common/headers.p4"
#include "../common/metadata.p4"
#include "../common/sizes.p4"

const port_id_t CPU_PORT = 510;

// `instance_type` of copies, and the fields of metadata that they take along (@field_list).
const bit<32> INGRESS_CLONE = 1;
const bit<32> EGRESS_CLONE  = 2;
const bit<8> COPY_FIELDS    = 1;

// Bytes that the architecture counts with a frame and that are not of it.
const bit<16> LENGTH_EXCESS = 0;

typedef direct_counter table_counter_t;
const CounterType TABLE_COUNTER = CounterType.packets_and_bytes;

typedef action_selector selector_t;

const meter_color_t COLOR_RED = 2;

// Flow records in each register array: all that a flow_index_t can name.
const bit<32> FLOW_STATE_SIZE = 65536;

// How long a flow's record holds without a packet of the flow. RFC 4787 (REQ-5) asks for two minutes at least.
const flow_time_t FLOW_LIFETIME = 128;

// Outer Ethernet, IP, UDP and VXLAN, removed together when a tunnel ends here.
const bit<16> TUNNEL_V4_BYTES = 50;
const bit<16> TUNNEL_V6_BYTES = 70;

// The parser has no checksum unit: `ChecksumVerify` in ingress does it.
parser Ipv4Checksum(in ipv4_t ipv4, inout bit<1> is_bad) {
    state start {
        transition accept;
    }
}

// The one's complement sum over a right header, its checksum included, is all ones. Calculated here and not in the
// architecture's checksum block, which has one flag for all headers: a tenant's own VXLAN may hold anything.
// A header with options is not verified.
control ChecksumVerify(in ipv4_t ipv4, inout bit<1> is_bad) {
    bit<16> remainder;

    apply {
        if (ipv4.isValid() && ipv4.version_ihl == IPV4_VERSION_IHL) {
            hash(remainder, HashAlgorithm.csum16, 16w0, {
                ipv4.version_ihl, ipv4.tos, ipv4.total_length, ipv4.identification, ipv4.flags, ipv4.fragment_offset,
                ipv4.ttl, ipv4.protocol, ipv4.checksum, ipv4.src_addr, ipv4.dst_addr
            }, 32w0x10000);
            if (remainder != 0) {
                is_bad = 1;
            }
        }
    }
}

// One value per flow: L3 and L4 fields, of a fragment only L3, of all other frames the Ethernet header.
control FlowHash(inout metadata_t meta) {
    apply {
        if (meta.lkp.kind == FRAME_IPV4 && meta.lkp.is_fragment == 0) {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src[31:0], meta.lkp.dst[31:0], meta.lkp.ip_protocol, meta.lkp.l4_src_port, meta.lkp.l4_dst_port
            }, 64w0x100000000);
        } else if (meta.lkp.kind == FRAME_IPV4) {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src[31:0], meta.lkp.dst[31:0], meta.lkp.ip_protocol
            }, 64w0x100000000);
        } else if (meta.lkp.kind == FRAME_IPV6 && meta.lkp.is_fragment == 0) {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src, meta.lkp.dst, meta.lkp.ip_protocol, meta.lkp.l4_src_port, meta.lkp.l4_dst_port
            }, 64w0x100000000);
        } else if (meta.lkp.kind == FRAME_IPV6) {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src, meta.lkp.dst, meta.lkp.ip_protocol
            }, 64w0x100000000);
        } else {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src_mac, meta.lkp.dst_mac, meta.lkp.ether_type
            }, 64w0x100000000);
        }
    }
}

control TurnHash(inout metadata_t meta) {
    apply {
        if (meta.tier == TIER_SUPER_SPINE) {
            meta.flow_hash = meta.flow_hash[15:0] ++ meta.flow_hash[31:16];
        } else if (meta.tier == TIER_CORE) {
            meta.flow_hash = meta.flow_hash[7:0] ++ meta.flow_hash[31:8];
        }
    }
}

// Frames of a tenant's port against its rate. `execute_meter` answers green for a cell that nobody has configured.
control PortIngressMeter(inout metadata_t meta) {
    @name(".port_ingress_meter") @id(0x01)
    meter(PORT_METER_SIZE, MeterType.bytes) port_ingress_meter;

    apply {
        port_ingress_meter.execute_meter((bit<32>)meta.port_index, meta.color);
    }
}

// Frames to a tenant's port against its rate.
control PortEgressMeter(inout metadata_t meta) {
    @name(".port_egress_meter") @id(0x02)
    meter(PORT_METER_SIZE, MeterType.bytes) port_egress_meter;

    apply {
        port_egress_meter.execute_meter((bit<32>)meta.egress.port_index, meta.color);
    }
}

// Frames that the controller may see, against the rate of their reason. Asked while `drop_reasons` is: a cell without a rate is green.
control PuntMeter(inout metadata_t meta) {
    @name(".punt_meter") @id(0x03)
    meter(PUNT_METER_SIZE, MeterType.packets) punt_meter;

    apply {
        if (meta.is_trapped == 0 && (meta.drop_reason != DROP_NONE || meta.is_logged == 1)) {
            punt_meter.execute_meter((bit<32>)meta.egress.punt_reason, meta.color);
        }
    }
}

// The same for what egress shows.
control EgressPuntMeter(inout metadata_t meta) {
    @name(".egress_punt_meter") @id(0x10)
    meter(EGRESS_PUNT_METER_SIZE, MeterType.packets) egress_punt_meter;

    apply {
        if (meta.drop_reason != DROP_NONE || meta.is_logged == 1) {
            egress_punt_meter.execute_meter((bit<32>)meta.egress.punt_reason, meta.color);
        }
    }
}

// The traffic class does not begin at a byte; that is nothing special here.
control ReadTrafficClass(in ipv6_t ipv6, inout bit<8> tos) {
    apply {
        tos = ipv6.traffic_class;
    }
}

control WriteTrafficClass(inout ipv6_t ipv6, in bit<8> tos) {
    apply {
        ipv6.traffic_class = tos;
    }
}

// The IPv4 header checksum moves by what the header moves (RFC 1624 equation 3), so that a header that was damaged on the way
// stays recognisable, and options need no attention.
control ChecksumMoves(inout frame_headers_t hdr, inout metadata_t meta) {
    bit<32> sum;

    @hidden
    action start() {
        sum = 16w0 ++ ~hdr.ipv4.checksum;
    }

    @hidden
    action move_ttl() {
        sum = sum + 0xfeff; // not old plus new, in the upper byte of a word
    }

    @hidden
    action move_tos() {
        sum = sum + (24w0 ++ meta.tos) + (24w0 ++ ~meta.old_tos) + 0xff00;
    }

    @hidden
    action fold() {
        sum = (16w0 ++ sum[15:0]) + (16w0 ++ sum[31:16]);
    }

    apply {
        start();
        if (meta.egress.rewrite_mode == REWRITE_ROUTED || meta.egress.rewrite_mode == REWRITE_TRANSIT) {
            move_ttl();
        }
        if (meta.tos != meta.old_tos) {
            move_tos();
        }
        fold();
        fold();
        hdr.ipv4.checksum = ~sum[15:0];
    }
}

// A question for a link-local address that carries a MAC (RFC 4291 appendix A), but not a group's: that MAC is asked for.
control LinkLocalQuery(inout lookup_t lkp) {
    apply {
        if (lkp.is_query == 1 && lkp.kind == FRAME_IPV6 && lkp.dst[127:118] == 0x3fa && lkp.dst[39:24] == 0xfffe && lkp.dst[56:56] == 0) {
            lkp.is_eui64_query = 1;
            lkp.dst_mac = (lkp.dst[63:40] ^ 24w0x020000) ++ lkp.dst[23:0];
        }
    }
}

// Which cell. It does not hold the VRF and need not: among keys that differ in nothing else, CRC-16 is one to one in these 16
// bits.
control FlowCell(in frame_headers_t hdr, inout metadata_t meta) {
    apply {
        if (hdr.ipv6.isValid()) {
            if (meta.egress.is_unruled == 0) {
                hash(meta.flow.index, HashAlgorithm.crc16, 16w0, {
                    meta.egress.vrf, hdr.ipv6.src_addr, hdr.ipv6.dst_addr, meta.flow.src_port, meta.flow.dst_port,
                    meta.flow.protocol
                }, FLOW_STATE_SIZE);
            } else {
                hash(meta.flow.index, HashAlgorithm.crc16, 16w0, {
                    meta.egress.vrf, hdr.ipv6.dst_addr, hdr.ipv6.src_addr, meta.flow.dst_port, meta.flow.src_port,
                    meta.flow.protocol
                }, FLOW_STATE_SIZE);
            }
        } else {
            if (meta.egress.is_unruled == 0) {
                hash(meta.flow.index, HashAlgorithm.crc16, 16w0, {
                    meta.egress.vrf, hdr.ipv4.src_addr, hdr.ipv4.dst_addr, meta.flow.src_port, meta.flow.dst_port,
                    meta.flow.protocol
                }, FLOW_STATE_SIZE);
            } else {
                hash(meta.flow.index, HashAlgorithm.crc16, 16w0, {
                    meta.egress.vrf, hdr.ipv4.dst_addr, hdr.ipv4.src_addr, meta.flow.dst_port, meta.flow.src_port,
                    meta.flow.protocol
                }, FLOW_STATE_SIZE);
            }
        }
    }
}

// The cells of flow_state. Making a record writes the arrays; needing one reads them, and refreshes what it finds.
control FlowRecords(in frame_headers_t hdr, inout metadata_t meta, in flow_time_t now) {
    // Source and destination address of the flow.
    @name(".flow_addresses_v4") @id(0x01)
    register<bit<64>>(FLOW_STATE_SIZE) flow_addresses_v4;
    @name(".flow_addresses_v6") @id(0x03)
    register<bit<256>>(FLOW_STATE_SIZE) flow_addresses_v6;
    // Source and destination port, protocol, which tells the two families apart, and the time of the last packet.
    @name(".flow_ports") @id(0x02)
    register<bit<64>>(FLOW_STATE_SIZE) flow_ports;

    bit<64>  addresses_v4;
    bit<256> addresses_v6;
    bit<64>  ports;
    bit<1>   is_same;

    apply {
        // The cell does not hold the VRF and need not: among keys that differ in nothing else, CRC-16 is one to one in these
        // 16 bits.
        is_same = 0;
        if (hdr.ipv6.isValid()) {
            if (meta.egress.is_unruled == 0) {
                flow_addresses_v6.write((bit<32>)meta.flow.index, hdr.ipv6.src_addr ++ hdr.ipv6.dst_addr);
            } else {
                flow_addresses_v6.read(addresses_v6, (bit<32>)meta.flow.index);
                if (addresses_v6 == hdr.ipv6.dst_addr ++ hdr.ipv6.src_addr) {
                    is_same = 1;
                }
            }
        } else {
            if (meta.egress.is_unruled == 0) {
                flow_addresses_v4.write((bit<32>)meta.flow.index, hdr.ipv4.src_addr ++ hdr.ipv4.dst_addr);
            } else {
                flow_addresses_v4.read(addresses_v4, (bit<32>)meta.flow.index);
                if (addresses_v4 == hdr.ipv4.dst_addr ++ hdr.ipv4.src_addr) {
                    is_same = 1;
                }
            }
        }
        if (meta.egress.is_unruled == 0) {
            flow_ports.write(
                (bit<32>)meta.flow.index,
                meta.flow.src_port ++ meta.flow.dst_port ++ meta.flow.protocol ++ now);
        } else if (is_same == 1) {
            flow_ports.read(ports, (bit<32>)meta.flow.index);
            if (ports[63:24] == meta.flow.dst_port ++ meta.flow.src_port ++ meta.flow.protocol
                && now - ports[23:0] < FLOW_LIFETIME) {
                meta.flow.is_established = 1;
                flow_ports.write((bit<32>)meta.flow.index, ports[63:24] ++ now);
            }
        }
    }
}

#endif
