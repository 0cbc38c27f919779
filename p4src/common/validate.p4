// SPDX-License-Identifier: Apache-2.0
// Frames that no switch or router should carry on (RFC 791, RFC 826, RFC 1812 section 5.3.7). What needs the frame's
// length is checked in egress, where every architecture knows it. The checksum of a header with options is left to the
// receiver: no architecture here can both add up a header of any length and do so at line rate.
#ifndef COMMON_VALIDATE_P4
#define COMMON_VALIDATE_P4

#include "metadata.p4"

control Validate(inout metadata_t meta) {
    apply {
        if (meta.lkp.is_arp == 1) {
            if (meta.is_wrong_arp == 1) {
                meta.drop_reason = DROP_MALFORMED;
            }
        } else if (meta.lkp.is_ipv4 == 0) {
            meta.drop_reason = DROP_ETHER_TYPE;
        } else if (meta.lkp.dst_mac[40:40] == 1) {
            meta.drop_reason = DROP_BROADCAST;
        } else if (meta.lkp.version_ihl[7:4] != 4 || meta.lkp.version_ihl[3:2] == 0
            || meta.lkp.version_ihl[3:0] == 4
            || (meta.lkp.version_ihl == IPV4_VERSION_IHL && meta.lkp.is_bad_checksum == 1)) {
            meta.drop_reason = DROP_IPV4_HEADER;
        } else if (meta.lkp.src_address[31:24] == 0 || meta.lkp.src_address[31:24] == 127
            || meta.lkp.src_address[31:29] == 0b111) {
            meta.drop_reason = DROP_MARTIAN;
        }
    }
}

#endif
