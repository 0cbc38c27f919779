// SPDX-License-Identifier: Apache-2.0
// Every match kind, constant entries, default actions, selectors, action_run, hit and miss, exit, counters, idle timeouts.
#include <core.p4>
#include <v1model.p4>

header key_t {
    bit<8>  table_number;
    bit<16> a;
    bit<32> b;
    bit<16> c;
    bit<8>  d;
}

header result_t {
    bit<8>  action_number;
    bit<32> value;
}

struct headers_t {
    key_t    key;
    result_t result;
    key_t    absent;
}

struct metadata_t {
    bit<32> hash_input;
}

parser TheParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.key);
        transition accept;
    }
}

control TheIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    direct_counter(CounterType.packets_and_bytes) exact_counter;
    direct_meter<bit<2>>(MeterType.packets) metered_meter;
    action_selector(HashAlgorithm.crc32, 16, 32) paths;
    action_profile(4) profile;
    bit<2> colour = 0;

    action set_value(bit<32> value) {
        hdr.result.action_number = 1;
        hdr.result.value = value;
    }
    action set_port(bit<9> port, bit<8> value) {
        hdr.result.action_number = 2;
        hdr.result.value = (bit<32>)value;
        std.egress_spec = port;
    }
    action leave() {
        hdr.result.action_number = 3;
        exit;
    }
    action missed() {
        hdr.result.action_number = 0xff;
    }
    action set_metered(bit<32> value) {
        metered_meter.read(colour);
        hdr.result.value = value;
    }

    table exact_one {
        key = { hdr.key.a: exact; }
        actions = { set_value; set_port; leave; missed; }
        const default_action = missed;
        counters = exact_counter;
        support_timeout = true;
        size = 4;
    }
    table exact_two {
        key = { hdr.key.a: exact; hdr.key.c: exact @name("third"); }
        actions = { set_value; missed; }
        default_action = missed;
        size = 1024;
    }
    table longest_prefix {
        key = { hdr.key.a: exact; hdr.key.b: lpm; }
        actions = { set_value; missed; }
        default_action = missed;
        size = 1024;
    }
    table ternaries {
        key = { hdr.key.a: ternary; hdr.key.b: lpm; hdr.key.c: range; hdr.key.d: optional; }
        actions = { set_value; missed; }
        default_action = missed;
        size = 1024;
    }
    table fixed {
        key = { hdr.key.a: ternary; hdr.key.c: range; }
        actions = { set_value; set_port; missed; }
        const default_action = missed;
        const entries = {
            (0x1000 &&& 0xf000, 10 .. 20): set_value(1);
            (0x1200 &&& 0xff00, _): set_value(2);
            (_, 5): set_port(7, 3);
        }
    }
    table validity {
        key = { hdr.absent.isValid(): exact; hdr.absent.b: exact; hdr.key.isValid(): exact; }
        actions = { set_value; missed; }
        default_action = missed;
        size = 16;
    }
    table selected {
        key = { hdr.key.a: exact; hdr.key.b: selector; hdr.key.c: selector; }
        actions = { set_value; set_port; }
        implementation = paths;
        size = 16;
    }
    table profiled {
        key = { hdr.key.a: exact; }
        actions = { set_value; set_port; }
        implementation = profile;
        size = 16;
    }
    table switched {
        key = { hdr.key.a: exact; }
        actions = { set_value; set_port; leave; NoAction; }
        default_action = NoAction;
        size = 16;
    }
    table metered {
        key = { hdr.key.a: exact; }
        actions = { set_metered; NoAction; }
        default_action = NoAction;
        meters = metered_meter;
        size = 16;
    }
    table keyless {
        actions = { set_value; missed; }
        default_action = missed;
    }

    apply {
        std.egress_spec = 1;
        hdr.result.setValid();
        if (hdr.key.table_number == 0) {
            exact_one.apply();
        } else if (hdr.key.table_number == 1) {
            exact_two.apply();
        } else if (hdr.key.table_number == 2) {
            longest_prefix.apply();
        } else if (hdr.key.table_number == 3) {
            ternaries.apply();
        } else if (hdr.key.table_number == 4) {
            fixed.apply();
        } else if (hdr.key.table_number == 5) {
            validity.apply();
        } else if (hdr.key.table_number == 6) {
            if (selected.apply().hit) {
                hdr.key.d = 1;
            } else {
                hdr.key.d = 2;
            }
        } else if (hdr.key.table_number == 7) {
            if (!profiled.apply().hit) {
                hdr.key.d = 2;
            }
        } else if (hdr.key.table_number == 8) {
            switch (switched.apply().action_run) {
                set_value: { hdr.key.d = 11; }
                leave:
                set_port: { hdr.key.d = 12; }
                default: { hdr.key.d = 13; }
            }
        } else if (hdr.key.table_number == 9) {
            metered.apply();
            hdr.result.action_number = (bit<8>)colour;
        } else if (hdr.key.table_number == 10) {
            keyless.apply();
        }
        hdr.key.table_number = 0xaa;
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
        packet.emit(hdr.key);
        packet.emit(hdr.result);
    }
}

V1Switch(TheParser(), TheVerify(), TheIngress(), TheEgress(), TheUpdate(), TheDeparser()) main;
