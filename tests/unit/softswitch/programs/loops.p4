// SPDX-License-Identifier: Apache-2.0
// Loops inside an action: a sum with a bound from the packet, left early and continued.
#include <core.p4>
#include <v1model.p4>

header numbers_t {
    bit<8>  count;
    bit<8>  skipped;
    bit<8>  last;
    bit<16> sum;
}

struct headers_t {
    numbers_t numbers;
}

struct metadata_t {}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.numbers);
        transition accept;
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action add_up() {
        hdr.numbers.sum = 0;
        for (bit<8> number = 0; number < hdr.numbers.count; number = number + 1) {
            if (number == hdr.numbers.skipped) {
                continue;
            }
            if (number == hdr.numbers.last) {
                break;
            }
            hdr.numbers.sum = hdr.numbers.sum + (bit<16>)number;
        }
    }

    apply {
        std.egress_spec = 1;
        add_up();
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
        packet.emit(hdr.numbers);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
