// SPDX-License-Identifier: Apache-2.0
// Every operator of the language on values that a packet brings, one result field each.
#include <core.p4>
#include <v1model.p4>

header operands_t {
    bit<8>  a;
    bit<8>  b;
    bit<32> wide;
    bit<4>  high;
    bit<4>  low;
    int<8>  signed_a;
    int<8>  signed_b;
}

header results_t {
    bit<8>  sum;
    bit<8>  difference;
    bit<8>  product;
    bit<8>  saturated_sum;
    bit<8>  saturated_difference;
    bit<8>  conjunction;
    bit<8>  disjunction;
    bit<8>  exclusive;
    bit<8>  complement;
    bit<8>  negated;
    bit<8>  shifted_left;
    bit<8>  shifted_right;
    bit<8>  slice;
    bit<16> concatenated;
    bit<8>  chosen;
    bit<8>  is_less;
    bit<8>  logic;
    int<8>  signed_sum;
    int<8>  signed_saturated_sum;
    int<8>  signed_saturated_difference;
    int<8>  signed_shifted;
    bit<8>  signed_is_less;
    bit<16> extended;
    bit<8>  truncated;
    bit<4>  nibble;
    bit<4>  nibble_sum;
    bit<32> sliced_into;
}

struct headers_t {
    operands_t operands;
    results_t  results;
}

struct metadata_t {}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.operands);
        transition accept;
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 1;
        if (!hdr.operands.isValid()) {
            mark_to_drop(std);
            exit;
        }
        hdr.results.setValid();
        hdr.results.sum = hdr.operands.a + hdr.operands.b;
        hdr.results.difference = hdr.operands.a - hdr.operands.b;
        hdr.results.product = hdr.operands.a * hdr.operands.b;
        hdr.results.saturated_sum = hdr.operands.a |+| hdr.operands.b;
        hdr.results.saturated_difference = hdr.operands.a |-| hdr.operands.b;
        hdr.results.conjunction = hdr.operands.a & hdr.operands.b;
        hdr.results.disjunction = hdr.operands.a | hdr.operands.b;
        hdr.results.exclusive = hdr.operands.a ^ hdr.operands.b;
        hdr.results.complement = ~hdr.operands.a;
        hdr.results.negated = -hdr.operands.a;
        hdr.results.shifted_left = hdr.operands.a << hdr.operands.b;
        hdr.results.shifted_right = hdr.operands.a >> hdr.operands.b;
        hdr.results.slice = hdr.operands.wide[19:12];
        hdr.results.concatenated = hdr.operands.a ++ hdr.operands.b;
        hdr.results.chosen = hdr.operands.a > hdr.operands.b ? hdr.operands.a : 8w7;
        hdr.results.is_less = hdr.operands.a < hdr.operands.b ? 8w1 : 8w0;
        bool both = hdr.operands.a >= 10 && hdr.operands.b <= 20;
        hdr.results.logic = (both || hdr.operands.wide == 0) && !(hdr.operands.a != hdr.operands.b) ? 8w1 : 8w0;
        hdr.results.signed_sum = hdr.operands.signed_a + hdr.operands.signed_b;
        hdr.results.signed_saturated_sum = hdr.operands.signed_a |+| hdr.operands.signed_b;
        hdr.results.signed_saturated_difference = hdr.operands.signed_a |-| hdr.operands.signed_b;
        hdr.results.signed_shifted = hdr.operands.signed_a >> 2;
        hdr.results.signed_is_less = hdr.operands.signed_a < hdr.operands.signed_b ? 8w1 : 8w0;
        hdr.results.extended = (bit<16>)(int<16>)hdr.operands.signed_a;
        hdr.results.truncated = (bit<8>)hdr.operands.wide;
        hdr.results.nibble = hdr.operands.high ^ hdr.operands.low;
        hdr.results.nibble_sum = hdr.operands.high + hdr.operands.low;
        hdr.results.sliced_into = hdr.operands.wide;
        hdr.results.sliced_into[15:8] = hdr.operands.a;
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
        packet.emit(hdr.operands);
        packet.emit(hdr.results);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
