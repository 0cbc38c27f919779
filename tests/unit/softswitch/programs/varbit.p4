// SPDX-License-Identifier: Apache-2.0
// What the engine refuses: a varbit field and a header union.
#include <core.p4>
#include <v1model.p4>

header options_t {
    bit<8>      length;
    varbit<320> data;
}

header one_t {
    bit<8> value;
}

header two_t {
    bit<16> value;
}

header_union either_t {
    one_t one;
    two_t two;
}

struct headers_t {
    options_t options;
    either_t  either;
}

struct metadata_t {}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.options, (bit<32>)packet.lookahead<bit<8>>());
        packet.extract(hdr.either.one);
        transition accept;
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {}
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
        packet.emit(hdr.options);
        packet.emit(hdr.either);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
