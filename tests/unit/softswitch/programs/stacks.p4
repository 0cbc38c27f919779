// SPDX-License-Identifier: Apache-2.0
// Header stacks, parser loops, lookahead, advance, value sets, verify and parser errors.
#include <core.p4>
#include <v1model.p4>

error { BadVersion }

const int DEPTH = 4;

header ethernet_t {
    bit<48> dst_addr;
    bit<48> src_addr;
    bit<16> ether_type;
}

header label_t {
    bit<20> label;
    bit<3>  traffic_class;
    bit<1>  is_last;
    bit<8>  ttl;
}

header command_t {
    bit<8> version;
    bit<8> operation;
    bit<8> index;
    bit<8> skipped_words;
}

header report_t {
    bit<8>  parser_error;
    bit<8>  depth;
    bit<32> picked;
    bit<16> ahead;
    bit<8>  is_in_set;
}

struct headers_t {
    ethernet_t     ethernet;
    report_t       report;
    command_t      command;
    label_t[DEPTH] labels;
}

struct metadata_t {
    bit<16> ahead;
    bit<8>  is_in_set;
    bit<8>  depth;
}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    value_set<bit<16>>(4) labelled_types;

    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            labelled_types: parse_member;
            0x8847: parse_labels;
            0x9000: parse_command;
            0x9001 &&& 0xfffd: parse_ahead;
            default: accept;
        }
    }
    state parse_member {
        meta.is_in_set = 1;
        transition parse_labels;
    }
    state parse_ahead {
        meta.ahead = packet.lookahead<bit<16>>();
        transition select(packet.lookahead<bit<4>>()) {
            0xf: parse_command;
            default: accept;
        }
    }
    state parse_command {
        packet.extract(hdr.command);
        verify(hdr.command.version == 1 || hdr.command.version == 0xff, error.BadVersion);
        packet.advance((bit<32>)hdr.command.skipped_words << 4);
        transition select(hdr.command.operation) {
            0: accept;
            default: parse_labels;
        }
    }
    state parse_labels {
        packet.extract(hdr.labels.next);
        meta.depth = meta.depth + 1;
        transition select(hdr.labels.last.is_last) {
            0: parse_labels;
            1: accept;
        }
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 1;
        hdr.report.setValid();
        hdr.report.depth = meta.depth;
        hdr.report.ahead = meta.ahead;
        hdr.report.is_in_set = meta.is_in_set;
        if (std.parser_error == error.NoError) {
            hdr.report.parser_error = 0;
        } else if (std.parser_error == error.PacketTooShort) {
            hdr.report.parser_error = 1;
        } else if (std.parser_error == error.StackOutOfBounds) {
            hdr.report.parser_error = 2;
        } else if (std.parser_error == error.BadVersion) {
            hdr.report.parser_error = 3;
        } else {
            hdr.report.parser_error = 0xff;
        }
        if (hdr.command.isValid()) {
            if (hdr.command.operation == 1) {
                hdr.labels.push_front(1);
                hdr.labels[0].setValid();
                hdr.labels[0].label = 0xabcde;
                hdr.labels[0].ttl = 64;
            } else if (hdr.command.operation == 2) {
                hdr.labels.pop_front(1);
            } else if (hdr.command.operation == 3) {
                hdr.report.picked = (bit<32>)hdr.labels[hdr.command.index].label;
                hdr.labels[hdr.command.index].ttl = 99;
            } else if (hdr.command.operation == 4) {
                hdr.labels.push_front(2);
            } else if (hdr.command.operation == 5) {
                hdr.labels[3] = hdr.labels[0];
                hdr.labels[0].setInvalid();
            }
        }
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
        packet.emit(hdr.ethernet);
        packet.emit(hdr.report);
        packet.emit(hdr.command);
        packet.emit(hdr.labels);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
