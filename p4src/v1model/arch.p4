// SPDX-License-Identifier: Apache-2.0
// What v1model calls by other names than the other architectures do, and what only it does in its own way.
#ifndef V1MODEL_ARCH_P4
#define V1MODEL_ARCH_P4

#include <v1model.p4>
#include "../common/headers.p4"
#include "../common/metadata.p4"
#include "../common/sizes.p4"

const port_id_t CPU_PORT = 510;

typedef direct_counter table_counter_t;
const CounterType TABLE_COUNTER = CounterType.packets_and_bytes;

typedef action_selector selector_t;

// Flow records in each register array: all that a flow_index_t can name.
const bit<32> FLOW_STATE_SIZE = 65536;

// How long a flow's record holds without a packet of the flow, in units of `meta.now`: 2^20 us, a little over a second.
// RFC 4787 (REQ-5) asks for two minutes at least.
const flow_stamp_t FLOW_LIFETIME = 128;

// Outer Ethernet, IPv4, UDP and VXLAN, removed together when a tunnel ends here.
const bit<16> TUNNEL_BYTES = 50;

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
    bit<16> src_port;
    bit<16> dst_port;

    apply {
        src_port = meta.lkp.l4_src_port;
        dst_port = meta.lkp.l4_dst_port;
        if (meta.lkp.is_fragment == 1) {
            src_port = 0;
            dst_port = 0;
        }
        if (meta.lkp.is_ipv4 == 1) {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src_address, meta.lkp.dst_address, meta.lkp.ip_protocol, src_port, dst_port
            }, 64w0x100000000);
        } else {
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0, {
                meta.lkp.src_mac, meta.lkp.dst_mac, meta.lkp.ether_type
            }, 64w0x100000000);
        }
        meta.egress.entropy = meta.flow_hash[13:0];
    }
}

// The cells of flow_state. Making a record writes both arrays; needing one reads them, and refreshes what it finds. The
// difference of two stamps is small only if the protocols, which lead them, are equal too.
control FlowRecords(inout metadata_t meta) {
    // Source and destination address of the flow.
    @name(".flow_addresses") @id(0x01)
    register<bit<64>>(FLOW_STATE_SIZE) flow_addresses;
    // Source and destination port, and the stamp of the last packet.
    @name(".flow_ports") @id(0x02)
    register<bit<64>>(FLOW_STATE_SIZE) flow_ports;

    bit<64> addresses;
    bit<64> ports;

    apply {
        // Equal for both directions. The cell does not hold the VRF and need not: among keys that differ in nothing else,
        // CRC-16 is one to one in these 16 bits.
        hash(meta.flow.index, HashAlgorithm.crc16, 32w0, {
            meta.vrf, meta.flow.src_address ^ meta.flow.dst_address, meta.flow.src_port ^ meta.flow.dst_port,
            meta.lkp.ip_protocol
        }, FLOW_STATE_SIZE);
        if (meta.flow.is_reply == 0) {
            flow_addresses.write((bit<32>)meta.flow.index, meta.flow.src_address ++ meta.flow.dst_address);
            flow_ports.write((bit<32>)meta.flow.index, meta.flow.src_port ++ meta.flow.dst_port ++ meta.flow.stamp);
        } else {
            flow_addresses.read(addresses, (bit<32>)meta.flow.index);
            if (addresses == meta.flow.src_address ++ meta.flow.dst_address) {
                flow_ports.read(ports, (bit<32>)meta.flow.index);
                if (ports[63:32] == meta.flow.src_port ++ meta.flow.dst_port
                    && meta.flow.stamp - ports[31:0] < FLOW_LIFETIME) {
                    meta.flow.is_established = 1;
                    flow_ports.write((bit<32>)meta.flow.index, ports[63:32] ++ meta.flow.stamp);
                }
            }
        }
    }
}

#endif
