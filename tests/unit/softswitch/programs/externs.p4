// SPDX-License-Identifier: Apache-2.0
// Counters, meters, registers, hashes, checksums, random numbers, messages, branches inside actions.
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst_addr;
    bit<48> src_addr;
    bit<16> ether_type;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  tos;
    bit<16> total_length;
    bit<16> identification;
    bit<3>  flags;
    bit<13> fragment_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src_addr;
    bit<32> dst_addr;
}

header udp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length;
    bit<16> checksum;
}

header report_t {
    bit<16> crc16;
    bit<32> crc32;
    bit<16> csum16;
    bit<16> xor16;
    bit<64> identity;
    bit<16> crc16_custom;
    bit<32> crc32_custom;
    bit<16> bounded;
    bit<16> dice;
    bit<32> previous;
    bit<8>  colour;
    bit<8>  checksum_error;
    bit<8>  branch;
    bit<48> ingress_timestamp;
}

struct headers_t {
    report_t   report;
    ethernet_t ethernet;
    ipv4_t     ipv4;
    udp_t      udp;
}

struct metadata_t {
    bit<16> length;
}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            0x0800: parse_ipv4;
            default: accept;
        }
    }
    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        meta.length = hdr.ipv4.total_length - 20;
        transition select(hdr.ipv4.protocol) {
            17: parse_udp;
            default: accept;
        }
    }
    state parse_udp {
        packet.extract(hdr.udp);
        transition accept;
    }
}

control TheVerify(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid(), { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_length,
            hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.fragment_offset, hdr.ipv4.ttl, hdr.ipv4.protocol,
            hdr.ipv4.src_addr, hdr.ipv4.dst_addr }, hdr.ipv4.checksum, HashAlgorithm.csum16);
        verify_checksum_with_payload(hdr.udp.isValid() && hdr.udp.checksum != 0, { hdr.ipv4.src_addr,
            hdr.ipv4.dst_addr, 8w0, hdr.ipv4.protocol, meta.length, hdr.udp.src_port, hdr.udp.dst_port,
            hdr.udp.length }, hdr.udp.checksum, HashAlgorithm.csum16);
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    counter(8, CounterType.packets_and_bytes) per_port;
    meter(4, MeterType.bytes) per_class;
    register<bit<32>>(4) last_length;

    action branch() {
        if (hdr.ethernet.src_addr == 1) {
            hdr.report.branch = 1;
            if (hdr.ethernet.dst_addr == 1) {
                hdr.report.branch = 2;
            }
        } else if (hdr.ethernet.src_addr == 2) {
            hdr.report.branch = 3;
            return;
        } else {
            hdr.report.branch = 4;
        }
        hdr.report.branch = hdr.report.branch + 0x10;
    }
    table run_branch {
        actions = { branch; }
        const default_action = branch();
    }

    apply {
        std.egress_spec = 1;
        hdr.report.setValid();
        hdr.report.checksum_error = (bit<8>)std.checksum_error;
        hdr.report.ingress_timestamp = std.ingress_global_timestamp;
        per_port.count((bit<32>)std.ingress_port);
        per_class.execute_meter((bit<32>)hdr.ethernet.dst_addr[7:0], hdr.report.colour);
        last_length.read(hdr.report.previous, (bit<32>)std.ingress_port);
        last_length.write((bit<32>)std.ingress_port, std.packet_length);
        hash(hdr.report.crc16, HashAlgorithm.crc16, 16w0, { hdr.ethernet.src_addr, hdr.ipv4.src_addr }, 32w65536);
        hash(hdr.report.crc32, HashAlgorithm.crc32, 32w0, { hdr.ethernet.src_addr, hdr.ipv4.src_addr, 3w5 }, 33w0x100000000);
        hash(hdr.report.csum16, HashAlgorithm.csum16, 16w0, { hdr.ethernet.src_addr, hdr.ipv4.src_addr }, 32w65536);
        hash(hdr.report.xor16, HashAlgorithm.xor16, 16w0, { hdr.ethernet.src_addr, hdr.ipv4.src_addr }, 32w65536);
        hash(hdr.report.identity, HashAlgorithm.identity, 64w0, { hdr.ethernet.src_addr }, 49w0x1000000000000);
        hash(hdr.report.crc16_custom, HashAlgorithm.crc16_custom, 16w0, { hdr.ethernet.src_addr }, 32w65536);
        hash(hdr.report.crc32_custom, HashAlgorithm.crc32_custom, 32w0, { hdr.ethernet.src_addr }, 33w0x100000000);
        hash(hdr.report.bounded, HashAlgorithm.crc32, 16w100, { hdr.ethernet.src_addr }, 16w10);
        random(hdr.report.dice, 16w1, 16w6);
        run_branch.apply();
        log_msg("port {} length {}", { std.ingress_port, std.packet_length });
        assert(hdr.ethernet.src_addr != 0xdead);
        if (hdr.ipv4.isValid()) {
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        }
    }
}

control TheEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {}
}

control TheUpdate(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid(), { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_length,
            hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.fragment_offset, hdr.ipv4.ttl, hdr.ipv4.protocol,
            hdr.ipv4.src_addr, hdr.ipv4.dst_addr }, hdr.ipv4.checksum, HashAlgorithm.csum16);
        update_checksum_with_payload(hdr.udp.isValid(), { hdr.ipv4.src_addr, hdr.ipv4.dst_addr, 8w0,
            hdr.ipv4.protocol, meta.length, hdr.udp.src_port, hdr.udp.dst_port, hdr.udp.length },
            hdr.udp.checksum, HashAlgorithm.csum16);
    }
}

control TheDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.report);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.udp);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
