// SPDX-License-Identifier: Apache-2.0
// What TNA calls by other names than the other architectures do, and what only it does in its own way.
#ifndef TNA_ARCH_P4
#define TNA_ARCH_P4

#include <core.p4>
#include <tna.p4>
#include "../common/headers.p4"
#include "../common/metadata.p4"
#include "../common/sizes.p4"

// The CPU's PCIe port of a device with two pipes.
const port_id_t CPU_PORT = 192;

typedef DirectCounter<bit<64>> table_counter_t;
const CounterType_t TABLE_COUNTER = CounterType_t.PACKETS_AND_BYTES;

typedef ActionSelector selector_t;

// underlay_selector: next hops of one group, weights included, and groups (one for each underlay route).
const bit<32> SELECTOR_GROUP_SIZE = 64;
const bit<32> SELECTOR_GROUPS     = 4096;

// Part of a packet's length as egress sees it.
const bit<16> FCS_BYTES = 4;

// Ingress to egress. The fields of egress_verdict_t, in whole bytes.
header bridged_t {
    rewrite_mode_t      rewrite_mode;
    bit<8>              punt_reason;
    @padding bit<6>     pad_is_encapsulated;
    bit<1>              is_encapsulated;
    port_id_t           ingress_port;
    port_index_t        port_index;
    bridge_domain_t     bridge_domain;
    mac_addr_t          dst_mac;
    ipv4_addr_t         tunnel_src;
    ipv4_addr_t         tunnel_dst;
    @padding bit<2>     pad_entropy;
    bit<14>             entropy;
}
const bit<16> BRIDGED_BYTES = 24;

struct ingress_headers_t {
    bridged_t bridged;
    headers_t frame;
}

struct egress_headers_t {
    bridged_t       bridged;
    added_headers_t added;
    headers_t       frame;
}

// The parser's checksum unit looks at the header while it passes. It answers true when the sum is wrong.
parser Ipv4Checksum(in ipv4_t ipv4, inout bit<1> is_bad) {
    Checksum() checksum;

    state start {
        checksum.add(ipv4);
        is_bad = (bit<1>)checksum.verify();
        transition accept;
    }
}

// One value per flow: L3 and L4 fields, of a fragment only L3, of all other frames the Ethernet header.
control FlowHash(inout metadata_t meta) {
    Hash<bit<32>>(HashAlgorithm_t.CRC32) ipv4_hash;
    Hash<bit<32>>(HashAlgorithm_t.CRC32) ethernet_hash;
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
            meta.flow_hash = ipv4_hash.get({
                meta.lkp.src_address, meta.lkp.dst_address, meta.lkp.ip_protocol, src_port, dst_port
            });
        } else {
            meta.flow_hash = ethernet_hash.get({ meta.lkp.src_mac, meta.lkp.dst_mac, meta.lkp.ether_type });
        }
        meta.egress.entropy = meta.flow_hash[13:0];
    }
}

// Tofino keeps no flow records yet (docs/adr/0008): there a reply needs a rule of its own.
control FlowRecords(inout metadata_t meta) {
    apply {
    }
}

#endif
