# SPDX-License-Identifier: Apache-2.0
"""MAC and addresses for ports that do not say theirs (docs/adr/0024).

A port gets an address of each family of its subnet, and a locally administered unicast MAC. Where the search for one
begins follows from the port's key: the same port gets the same ones if they are free, whoever comes first, and what a
port has just left is rarely where another one's search begins. What has just been given back rests: somebody else gets
it only where there is nothing else. A port keeps what it has as long as that fits its subnet.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, count
from typing import Protocol, TypeAlias

from p4vpc.errors import ExhaustedError, Problem
from p4vpc.intent import Intent, IpAddress, IpNetwork, Mac, ObjectId, Port, Subnet, hosts_of, is_host_of, is_routable
from p4vpc.model.defaults import gateway_mac, gateway_of

_PROBES = 64
"""How often a search goes to the next address before it begins elsewhere, or all that are free are counted."""

_TURNS = 64
"""How often a search begins elsewhere: of a pool that is half full it finds one but once in 2^64 times."""

_COUNTED = 1 << 17
"""Pools up to this size are counted; larger ones are never that full."""

_POOL_V6 = 1 << 24
"""Of an IPv6 prefix the first so many addresses are given out: enough, and short to write."""

_MOST_RESTING = 4096

_Token: TypeAlias = tuple[str, IpAddress]
"""An address in a VPC."""


class Owners(Protocol):
    """Who has what, at the revision that a change begins from."""

    def address_owner(self, vpc_key: str, address: IpAddress) -> ObjectId | None:
        """The port of the VPC that has the address."""

    def mac_users(self, mac: Mac) -> int:
        """How many ports of all VPCs have the MAC."""


class PortOwners:
    """Found by looking at all ports: for changes that look at everything anyway."""

    def __init__(self, objects: Iterable[Intent]):
        self._addresses: dict[tuple[str, IpAddress], ObjectId] = {}
        self._macs: dict[Mac, int] = {}
        for port in objects:
            if isinstance(port, Port):
                self._addresses.update(((port.vpc_key, address), port.id) for address in port.addresses)
                if port.mac is not None:
                    self._macs[port.mac] = self._macs.get(port.mac, 0) + 1

    def address_owner(self, vpc_key: str, address: IpAddress) -> ObjectId | None:
        """The port of the VPC that has the address."""
        return self._addresses.get((vpc_key, address))

    def mac_users(self, mac: Mac) -> int:
        """How many ports of all VPCs have the MAC."""
        return self._macs.get(mac, 0)


class Resting:
    """What ports have lately given back, the oldest first. At most a few thousand are remembered."""

    def __init__(self) -> None:
        self._last_owner: OrderedDict[_Token, ObjectId] = OrderedDict()

    def given_back(self, before: Intent | None, after: Intent | None) -> None:
        """Notice what a port does not have any more."""
        if not isinstance(before, Port):
            return
        kept = set(_tokens(after)) if isinstance(after, Port) else set()
        for token in _tokens(before):
            if token not in kept:
                self._last_owner[token] = before.id
                self._last_owner.move_to_end(token)
        while len(self._last_owner) > _MOST_RESTING:
            self._last_owner.popitem(last=False)

    def is_for(self, token: _Token, port: ObjectId) -> bool:
        """Whether the port may have it at once: nobody has just left it, or the port itself has."""
        return self._last_owner.get(token, port) == port

    def by_age(self, tokens: Iterable[_Token]) -> list[_Token]:
        """Those of the tokens that rest, the one that has rested longest first."""
        some = set(tokens)
        return [token for token in self._last_owner if token in some]


def is_complete(port: Port) -> bool:
    """Whether the port says its MAC and its addresses."""
    return port.mac is not None and bool(port.addresses)


def complete(
    ports: Iterable[Port], known: Mapping[ObjectId, Intent | None], owners: Owners, resting: Resting
) -> dict[ObjectId, Port]:
    """Return those ports of a change that do not say everything, with all that they do not say.

    Args:
        ports: all that the change puts.
        known: those ports as they were, and their subnets as they shall be; absent or None: there is none.
        owners: at the revision before the change.
        resting: what was given back lately.

    Raises ExhaustedError naming each port whose subnet has no address left.
    """
    asked = sorted(ports, key=lambda port: port.id)
    search = _Search(owners, resting)
    for port in asked:
        search.take(port)
    open_ports = [_Open(port, _subnet_of(port, known)) for port in asked if not is_complete(port)]
    # What is kept is spoken for before anything new is looked for.
    for one in open_ports:
        search.keep(one, known.get(one.port.id))
    result = {one.port.id: search.complete(one) for one in open_ports}
    if search.problems:
        raise ExhaustedError(search.problems)
    return result


def subnet_id(port: Port) -> ObjectId:
    """Return which subnet the port is in."""
    return ObjectId("subnet", f"{port.vpc_key}/{port.subnet}")


def _subnet_of(port: Port, known: Mapping[ObjectId, Intent | None]) -> Subnet | None:
    subnet = known.get(subnet_id(port))
    return subnet if isinstance(subnet, Subnet) else None


@dataclass(slots=True)
class _Open:
    """A port that does not say everything.

    Attributes:
        subnet: its subnet; None: there is none, which somebody else will tell.
        mac, addresses: what it is to have, as far as that is known.
    """

    port: Port
    subnet: Subnet | None
    mac: Mac | None = None
    addresses: tuple[IpAddress, ...] = ()


class _Search:
    """The allocations of one change."""

    def __init__(self, owners: Owners, resting: Resting):
        self.problems: list[Problem] = []
        self._owners = owners
        self._resting = resting
        self._taken: set[_Token] = set()
        self._macs: set[Mac] = set()
        self._free: dict[tuple[str, int], list[int]] = {}

    def take(self, port: Port) -> None:
        """What the port says is not to be had by others of the same change."""
        self._taken.update(_tokens(port))
        if port.mac is not None:
            self._macs.add(port.mac)

    def keep(self, one: _Open, before: Intent | None) -> None:
        """Let the port have what it had, as far as it says nothing else and that fits its subnet."""
        port, subnet = one.port, one.subnet
        if not isinstance(before, Port) or subnet is None:
            return
        if port.mac is None and before.mac is not None and self._is_mac_kept(before.mac, before.subnet, subnet):
            one.mac = before.mac
            self._macs.add(before.mac)
        if not port.addresses:
            one.addresses = tuple(address for address in before.addresses if _fits(address, subnet))
            self._taken.update((port.vpc_key, address) for address in one.addresses)

    def _is_mac_kept(self, mac: Mac, subnet_before: str, subnet: Subnet) -> bool:
        """In another subnet somebody else may have the MAC."""
        is_alone = self._owners.mac_users(mac) == 1 and mac not in self._macs
        return mac != gateway_mac(subnet) and (subnet_before == subnet.name or is_alone)

    def complete(self, one: _Open) -> Port:
        """Return the port with a MAC, and an address of each family of the subnet that it has none of."""
        port, subnet = one.port, one.subnet
        new: dict[str, object] = {}
        if port.mac is None:
            new["mac"] = one.mac or self._new_mac(port, subnet)
        if not port.addresses and subnet is not None:
            had = {address.version for address in one.addresses}
            found = [self._new_address(port, subnet, it) for it in subnet.prefixes if it.version not in had]
            new["addresses"] = (*one.addresses, *(address for address in found if address is not None))
        return port.model_copy(update=new)

    def _new_mac(self, port: Port, subnet: Subnet | None) -> Mac:
        gateway = None if subnet is None else gateway_mac(subnet)
        for attempt in count():
            mac = _mac_of(port.key, attempt)
            if mac != gateway and mac not in self._macs and not self._owners.mac_users(mac):
                break
        self._macs.add(mac)
        return mac

    def _new_address(self, port: Port, subnet: Subnet, prefix: IpNetwork) -> IpAddress | None:
        first, size = _pool(prefix)
        gateway = int(gateway_of(subnet, prefix.version) or 0)
        start = _number_of(f"{port.key} IPv{prefix.version}") % size
        for offset in self._offsets(port, prefix, start, size):
            token = port.vpc_key, first + offset
            if int(token[1]) != gateway and self._is_free(token) and self._resting.is_for(token, port.id):
                self._taken.add(token)
                return token[1]
        if size <= _COUNTED:
            key = subnet.key, prefix.version
            if key not in self._free:
                numbers = (number for number in range(size) if int(first) + number != gateway)
                self._free[key] = [number for number in numbers if self._is_free((port.vpc_key, first + number))]
            counted = self._take_counted(port, first, self._free[key], start)
            if counted is not None:
                return counted
        message = f"subnet {subnet.key} ({prefix}) has no address left"
        remedy = "delete ports that are not needed, give the subnet a shorter prefix, or use another subnet"
        self.problems.append(Problem(str(port), "addresses", message, remedy))
        return None

    def _offsets(self, port: Port, prefix: IpNetwork, start: int, size: int) -> Iterator[int]:
        """Yield where to look: onwards from the start, in a large pool also from elsewhere when all there is taken."""
        yield from ((start + step) % size for step in range(min(size, _PROBES)))
        if size > _COUNTED:
            for turn in range(_TURNS):
                start = _number_of(f"{port.key} IPv{prefix.version} {turn}") % size
                yield from ((start + step) % size for step in range(_PROBES))

    def _take_counted(self, port: Port, first: IpAddress, free: list[int], start: int) -> IpAddress | None:
        """Take one of those that are free: the next from where the search begins, else what has rested longest."""
        position = bisect_left(free, start)
        for number in chain(free[position:], free[:position]):
            token = port.vpc_key, first + number
            if token not in self._taken and self._resting.is_for(token, port.id):
                return self._take_number(free, number, token)
        left = {(port.vpc_key, first + number): number for number in free}
        for token in self._resting.by_age(left):
            if token not in self._taken:
                return self._take_number(free, left[token], token)
        return None

    def _take_number(self, free: list[int], number: int, token: _Token) -> IpAddress:
        del free[bisect_left(free, number)]
        self._taken.add(token)
        return token[1]

    def _is_free(self, token: _Token) -> bool:
        is_taken = token in self._taken or self._owners.address_owner(*token) is not None
        # Some prefixes have addresses that no port can have, such as ::1.
        return not is_taken and is_routable(token[1])


def _pool(prefix: IpNetwork) -> tuple[IpAddress, int]:
    """Return the first address that is given out, and how many are."""
    first, last = hosts_of(prefix)
    size = int(last) - int(first) + 1
    return first, size if prefix.version == 4 else min(size, _POOL_V6)


def _fits(address: IpAddress, subnet: Subnet) -> bool:
    return any(is_host_of(address, it) for it in subnet.prefixes) and address != gateway_of(subnet, address.version)


def _number_of(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8])


def _mac_of(key: str, attempt: int) -> Mac:
    """Return a MAC that administrators assign (IEEE 802c: x2), but not 02, which our routers' begin with."""
    digest = sha256(f"{key} MAC {attempt}".encode()).digest()
    return Mac((1 + digest[0] % 15) << 44 | 0x2 << 40 | int.from_bytes(digest[1:6]))


def _tokens(port: Port) -> Iterator[_Token]:
    for address in port.addresses:
        yield port.vpc_key, address
