# SPDX-License-Identifier: Apache-2.0
"""Who refers to whom by name, and references that lead nowhere."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import chain

from p4vpc.errors import Problem
from p4vpc.intent import (
    GroupPeer,
    Intent,
    Link,
    LinkEnd,
    Malformed,
    Mirror,
    NetworkAcl,
    ObjectId,
    Port,
    QosPolicy,
    Reference,
    SecurityGroup,
    SwitchAttachment,
    Vpc,
    VpcMember,
    closest,
)
from p4vpc.model.index import Index

_REFERENTS_SHOWN = 10


def references(intent: Intent) -> Iterator[Reference]:
    """Yield every reference of an object, those that others depend on first."""
    match intent:
        case Link():
            yield Reference("a.switch", ObjectId("switch", intent.a.switch))
            if isinstance(intent.b, LinkEnd):
                yield Reference("b.switch", ObjectId("switch", intent.b.switch))
        case Vpc() | QosPolicy():
            yield Reference("tenant", ObjectId("tenant", intent.tenant))
        case VpcMember():
            yield Reference("vpc", ObjectId("vpc", intent.vpc_key))
    match intent:
        case Port():
            yield Reference("subnet", ObjectId("subnet", f"{intent.vpc_key}/{intent.subnet}"))
            for position, group in enumerate(intent.security_groups):
                target = ObjectId("security_group", f"{intent.vpc_key}/{group}")
                yield Reference(f"security_groups[{position}]", target)
            if isinstance(intent.attachment, SwitchAttachment):
                yield Reference("attachment.switch", ObjectId("switch", intent.attachment.switch))
            for position, candidate in enumerate(intent.candidates):
                yield Reference(f"candidates[{position}].switch", ObjectId("switch", candidate.switch))
            if intent.qos is not None:
                yield Reference("qos", ObjectId("qos_policy", f"{intent.tenant}/{intent.qos}"))
        case NetworkAcl():
            for position, subnet in enumerate(intent.subnets):
                yield Reference(f"subnets[{position}]", ObjectId("subnet", f"{intent.vpc_key}/{subnet}"))
            for direction, rules in (("inbound", intent.inbound), ("outbound", intent.outbound)):
                for position, acl_rule in enumerate(rules or ()):
                    if acl_rule.mirror is not None:
                        target = ObjectId("mirror", f"{intent.vpc_key}/{acl_rule.mirror}")
                        yield Reference(f"{direction}[{position}].mirror", target)
        case Mirror():
            for position, port in enumerate(intent.ports):
                yield Reference(f"ports[{position}]", ObjectId("port", f"{intent.vpc_key}/{port}"))
        case SecurityGroup():
            for position, rule in enumerate(intent.rules):
                if isinstance(rule.peer, GroupPeer):
                    target = ObjectId("security_group", f"{intent.vpc_key}/{rule.peer.group}")
                    yield Reference(f"rules[{position}].peer.group", target)


def check_references(
    index: Index, deleted: Collection[ObjectId] = (), malformed: Malformed | None = None
) -> Iterator[Problem]:
    """Yield a problem for each reference that leads nowhere, and for each deleted object that is still needed."""
    unread = malformed or {}
    needed: dict[ObjectId, list[str]] = defaultdict(list)
    known = index.by_id.keys()
    of_objects = ((object_id, references(intent)) for object_id, intent in index.by_id.items())
    for owner, found in chain(of_objects, unread.items()):
        for field, target in found:
            if target in known or target in unread:
                continue
            if target in deleted:
                needed[target].append(f"{owner} ({field})")
            else:
                yield _dangling(index, owner, field, target)
            if target.kind == "vpc":
                break
    for target in sorted(needed):
        users = needed[target]
        shown = ", ".join(users[:_REFERENTS_SHOWN])
        more = f" and {len(users) - _REFERENTS_SHOWN} more" if len(users) > _REFERENTS_SHOWN else ""
        yield Problem(str(target), "", f"is still needed by {shown}{more}", "delete or change those first")


def _dangling(index: Index, owner: ObjectId, field: str, target: ObjectId) -> Problem:
    scope, name, where = "", target.key, ""
    if target.kind in ("subnet", "security_group", "port", "mirror", "qos_policy"):
        scope, _, name = target.key.rpartition("/")
        where = f" of tenant {scope}" if target.kind == "qos_policy" else f" in VPC {scope}"
    kind = {"vpc": "VPC", "qos_policy": "QoS policy"}.get(target.kind, target.kind.replace("_", " "))
    remedy = closest(name, index.names(target.kind, scope)) or f"define the {kind} first"
    return Problem(str(owner), field, f"there is no {kind} {name!r}{where}", remedy)
