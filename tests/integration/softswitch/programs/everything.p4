// SPDX-License-Identifier: Apache-2.0
//
// One of everything that P4Runtime can program, for the tests of the server. The forwarding it does is only what those
// tests need to see: `l2` sends, `acl` and `ports` decide, clones and digests report.

#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst_mac;
    bit<48> src_mac;
    bit<16> ether_type;
}

@controller_header("packet_in")
header packet_in_t {
    bit<9> ingress_port;
    bit<7> pad;
    bit<8> reason;
}

@controller_header("packet_out")
header packet_out_t {
    bit<9> egress_port;
    bit<7> pad;
}

struct headers_t {
    packet_in_t packet_in;
    packet_out_t packet_out;
    ethernet_t ethernet;
}

struct learn_t {
    bit<48> src_mac;
    bit<9> ingress_port;
}

struct metadata_t {
    bit<2> color;
    bit<8> hits;
    bit<1> is_special;
}

const bit<9> CPU_PORT = 510;

parser PacketParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    @id(1) @name(".special_types") value_set<bit<16>>(4) special_types;

    state start {
        transition select(std.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }
    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition parse_ethernet;
    }
    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            special_types: special;
            default: accept;
        }
    }
    state special {
        meta.is_special = 1;
        transition accept;
    }
}

control Check(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control Forward(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    @name(".port_counter") counter(512, CounterType.packets_and_bytes) port_counter;
    @name(".port_meter") meter(16, MeterType.packets) port_meter;
    @name(".hits") register<bit<8>>(8) hits;
    @name(".l2_counter") direct_counter(CounterType.packets_and_bytes) l2_counter;
    @name(".acl_meter") direct_meter<bit<2>>(MeterType.bytes) acl_meter;
    @name(".ways") action_selector(HashAlgorithm.crc16, 128, 14) ways;
    @name(".next_hops") action_profile(64) next_hops;

    @name(".drop") action drop() { mark_to_drop(std); }
    @name(".send") action send(@name("port") bit<9> port) { std.egress_spec = port; }
    @name(".send_counted") action send_counted(@name("port") bit<9> port) {
        std.egress_spec = port;
        l2_counter.count();
    }
    @name(".flood") action flood(@name("group") bit<16> group) {
        std.mcast_grp = group;
        l2_counter.count();
    }
    @name(".punt") action punt(@name("reason") bit<8> reason) {
        std.egress_spec = CPU_PORT;
        hdr.packet_in.setValid();
        hdr.packet_in.ingress_port = std.ingress_port;
        hdr.packet_in.pad = 0;
        hdr.packet_in.reason = reason;
        l2_counter.count();
    }
    @name(".mirror") action mirror() { clone(CloneType.I2E, 7); }
    @name(".learn") action learn() {
        digest<learn_t>(1, { hdr.ethernet.src_mac, std.ingress_port });
    }
    @name(".allow") action allow() { acl_meter.read(meta.color); }
    @name(".deny") action deny() {
        acl_meter.read(meta.color);
        mark_to_drop(std);
    }

    @name(".l2") table l2 {
        key = { hdr.ethernet.dst_mac: exact @name("dst_mac"); }
        actions = { send_counted; flood; punt; @tableonly mirror; @defaultonly NoAction; }
        default_action = NoAction();
        counters = l2_counter;
        size = 16384;
    }
    @name(".routes") table routes {
        key = {
            std.ingress_port: exact @name("ingress_port");
            hdr.ethernet.dst_mac: lpm @name("dst_mac");
        }
        actions = { send; drop; NoAction; }
        default_action = NoAction();
        size = 64;
    }
    @name(".acl") table acl {
        key = {
            hdr.ethernet.src_mac: ternary @name("src_mac");
            hdr.ethernet.ether_type: range @name("ether_type");
            std.ingress_port: optional @name("ingress_port");
        }
        actions = { allow; deny; @defaultonly NoAction; }
        const default_action = NoAction();
        meters = acl_meter;
        size = 8;
    }
    @name(".ecmp") table ecmp {
        key = {
            std.ingress_port: exact @name("ingress_port");
            hdr.ethernet.src_mac: selector;
        }
        actions = { send; drop; NoAction; }
        implementation = ways;
        size = 32;
    }
    @name(".indirect") table indirect {
        key = { hdr.ethernet.ether_type: exact @name("ether_type"); }
        actions = { send; drop; NoAction; }
        implementation = next_hops;
        size = 32;
    }
    @name(".sources") table sources {
        key = { hdr.ethernet.src_mac: exact @name("src_mac"); }
        actions = { NoAction; learn; }
        default_action = learn();
        support_timeout = true;
        size = 128;
    }
    @name(".fixed") table fixed {
        key = { hdr.ethernet.ether_type: ternary @name("ether_type"); }
        actions = { drop; NoAction; }
        const default_action = NoAction();
        const entries = {
            0xdead: drop();
            0xbe00 &&& 0xff00: NoAction();
        }
    }

    apply {
        port_counter.count((bit<32>)std.ingress_port);
        if (hdr.packet_out.isValid()) {
            std.egress_spec = hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
        } else {
            port_meter.execute_meter(0, meta.color);
            hits.read(meta.hits, 0);
            hits.write(0, meta.hits + 1);
            std.egress_spec = 511;
            routes.apply();
            ecmp.apply();
            indirect.apply();
            l2.apply();
            acl.apply();
            sources.apply();
            fixed.apply();
            if (meta.is_special == 1) {
                std.egress_spec = 8;
            }
        }
    }
}

control Report(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {
        if (std.instance_type == 1) {
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = std.ingress_port;
            hdr.packet_in.pad = 0;
            hdr.packet_in.reason = 255;
        }
    }
}

control Update(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control PacketDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
    }
}

V1Switch(PacketParser(), Check(), Forward(), Report(), Update(), PacketDeparser()) main;
