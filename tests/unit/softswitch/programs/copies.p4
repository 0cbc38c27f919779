// SPDX-License-Identifier: Apache-2.0
// Multicast, clones, resubmission, recirculation, digests, truncation; which metadata survives each.
#include <core.p4>
#include <v1model.p4>

const bit<8> LIST = 1;

header command_t {
    bit<8>  operation;
    bit<8>  argument;
    bit<8>  hops;
    bit<8>  note;
}

// Appended by egress, so that a test sees what egress saw.
header report_t {
    bit<8>  instance_type;
    bit<16> egress_port;
    bit<16> egress_rid;
    bit<32> packet_length;
    bit<8>  kept;
    bit<8>  lost;
    bit<16> ingress_port;
}

struct headers_t {
    report_t  report;
    command_t command;
}

struct metadata_t {
    @field_list(LIST)
    bit<8> kept;
    bit<8> lost;
}

struct digest_t {
    bit<8> operation;
    bit<8> argument;
}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.command);
        transition accept;
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.command.note = meta.kept;
        meta.lost = 5;
        if (hdr.command.operation == 1) {
            std.mcast_grp = (bit<16>)hdr.command.argument;
        } else if (hdr.command.operation == 2) {
            meta.kept = 7;
            clone_preserving_field_list(CloneType.I2E, (bit<32>)hdr.command.argument, LIST);
            hdr.command.hops = 0xee;
        } else if (hdr.command.operation == 3 && std.instance_type == 0) {
            meta.kept = 8;
            hdr.command.hops = 0xee;
            resubmit_preserving_field_list(LIST);
        } else if (hdr.command.operation == 6) {
            digest<digest_t>(1, { hdr.command.operation, hdr.command.argument });
        } else if (hdr.command.operation == 7) {
            truncate((bit<32>)hdr.command.argument);
        } else if (hdr.command.operation == 8) {
            mark_to_drop(std);
        } else if (hdr.command.operation == 9) {
            clone(CloneType.I2E, (bit<32>)hdr.command.argument);
            mark_to_drop(std);
        } else if (hdr.command.operation == 10) {
            resubmit_preserving_field_list(LIST);
        }
    }
}

control TheEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {
        if (hdr.command.operation == 4 && std.instance_type == 0) {
            meta.kept = 9;
            meta.lost = 9;
            clone_preserving_field_list(CloneType.E2E, (bit<32>)hdr.command.argument, LIST);
            hdr.command.hops = hdr.command.hops + 1;
        }
        if (hdr.command.operation == 5 && hdr.command.hops < hdr.command.argument) {
            meta.kept = hdr.command.hops + 100;
            hdr.command.hops = hdr.command.hops + 1;
            recirculate_preserving_field_list(LIST);
            exit;
        }
        if (hdr.command.operation == 11) {
            mark_to_drop(std);
        }
        hdr.report.setValid();
        hdr.report.instance_type = (bit<8>)std.instance_type;
        hdr.report.egress_port = (bit<16>)std.egress_port;
        hdr.report.egress_rid = std.egress_rid;
        hdr.report.packet_length = std.packet_length;
        hdr.report.kept = meta.kept;
        hdr.report.lost = meta.lost;
        hdr.report.ingress_port = (bit<16>)std.ingress_port;
    }
}

control TheVerify(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control TheUpdate(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control TheDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.report);
        packet.emit(hdr.command);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
