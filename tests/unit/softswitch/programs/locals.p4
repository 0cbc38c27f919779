// SPDX-License-Identifier: Apache-2.0
// Headers that exist inside the program only, and reach the wire by assignment; comparison of whole headers.
#include <core.p4>
#include <v1model.p4>

header pair_t {
    bit<8>  left;
    bit<4>  high;
    bit<4>  low;
    bit<16> right;
}

struct headers_t {
    pair_t first;
    pair_t second;
    pair_t made;
}

struct metadata_t {}

pair_t make(in bit<8> left) {
    pair_t result;
    result.setValid();
    result.left = left;
    result.high = 1;
    result.low = 2;
    result.right = 0xbeef;
    return result;
}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.first);
        packet.extract(hdr.second);
        transition accept;
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    pair_t held;

    apply {
        std.egress_spec = 1;
        held = hdr.first;
        if (hdr.first == hdr.second) {
            std.egress_spec = 2;
        }
        hdr.first = hdr.second;
        hdr.second = held;
        hdr.made = make(hdr.first.left);
    }
}

control TheEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {}
}

control TheVerify(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control TheUpdate(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control TheDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.first);
        packet.emit(hdr.second);
        packet.emit(hdr.made);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
