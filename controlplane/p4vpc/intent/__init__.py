# SPDX-License-Identifier: Apache-2.0
"""Intent: what operators and tenants want, as typed objects (Contract 4 of docs/architecture.md)."""

from p4vpc.intent.addresses import (
    IpAddress,
    IpNetwork,
    hosts_of,
    ip_order,
    is_host_of,
    is_loopback,
    is_routable,
    is_within,
    link_local_of,
)
from p4vpc.intent.base import Intent, Part
from p4vpc.intent.documents import (
    Reading,
    dump_yaml,
    from_document,
    load_yaml,
    read_documents,
    read_yaml,
    to_document,
)
from p4vpc.intent.fabric import Fabric, Link, LinkEnd, Neighbor, Switch
from p4vpc.intent.identifiers import Claim, ClaimId, IdentifierPlan, Identifiers
from p4vpc.intent.ids import ObjectId
from p4vpc.intent.kinds import COLLECTIONS, KINDS, closest, parse_id
from p4vpc.intent.mirror import Mirror
from p4vpc.intent.network_acl import AclRule, NetworkAcl
from p4vpc.intent.qos import QosPolicy, RateLimit
from p4vpc.intent.references import Malformed, Reference
from p4vpc.intent.tenancy import (
    Attachment,
    CidrPeer,
    GroupPeer,
    Port,
    Route,
    Rule,
    SecurityGroup,
    Subnet,
    SwitchAttachment,
    Tenant,
    Vpc,
    VpcMember,
    VtepAttachment,
)
from p4vpc.intent.tunnels import Dscp, Ecn, ForeignVtep, UdpChecksum
from p4vpc.intent.values import Mac, PerSecond, PortRange

__all__ = [
    "COLLECTIONS",
    "KINDS",
    "AclRule",
    "Attachment",
    "CidrPeer",
    "Claim",
    "ClaimId",
    "Dscp",
    "Ecn",
    "Fabric",
    "ForeignVtep",
    "GroupPeer",
    "IdentifierPlan",
    "Identifiers",
    "Intent",
    "IpAddress",
    "IpNetwork",
    "Link",
    "LinkEnd",
    "Mac",
    "Malformed",
    "Mirror",
    "Neighbor",
    "NetworkAcl",
    "ObjectId",
    "Part",
    "PerSecond",
    "Port",
    "PortRange",
    "QosPolicy",
    "RateLimit",
    "Reading",
    "Reference",
    "Route",
    "Rule",
    "SecurityGroup",
    "Subnet",
    "Switch",
    "SwitchAttachment",
    "Tenant",
    "UdpChecksum",
    "Vpc",
    "VpcMember",
    "VtepAttachment",
    "closest",
    "dump_yaml",
    "from_document",
    "hosts_of",
    "ip_order",
    "is_host_of",
    "is_loopback",
    "is_routable",
    "is_within",
    "link_local_of",
    "load_yaml",
    "parse_id",
    "read_documents",
    "read_yaml",
    "to_document",
]
