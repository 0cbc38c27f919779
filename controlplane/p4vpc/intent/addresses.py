# SPDX-License-Identifier: Apache-2.0
"""IP addresses and prefixes of both families, as fields of objects, and what both families have in common.

Any spelling that RFC 4291 section 2.2 allows is read; what is kept and written is the one of RFC 5952. A field takes
either family (`Address`, `Prefix`) or says which (`AddressV6`).
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from p4vpc.intent.values import Mac, as_text, shorten, wrong

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network

_LINK_LOCAL = IPv6Network("fe80::/10")
_UNUSABLE_V6 = (
    (IPv6Network("::/128"), "is the unspecified address"),
    (IPv6Network("::1/128"), "is the loopback address"),
    (IPv6Network("::ffff:0:0/96"), "stands for an IPv4 address (IPv4-mapped)"),
    (IPv6Network("ff00::/8"), "is a multicast address"),
)
"""Blocks of RFC 4291 that no host has an address of."""

_EXAMPLE_V4 = "four decimal numbers from 0 to 255, like 10.0.1.11"
_EXAMPLE_V6 = "like 2001:db8:1::11"
_PREFIX_V4 = "like 10.0.1.0/24"
_PREFIX_V6 = "like 2001:db8:1::/64"


def ip_order(thing: IpAddress | IpNetwork) -> tuple[int, int, int]:
    """Return a key by which addresses, or prefixes, of both families sort: IPv4 first, then by value."""
    if isinstance(thing, IPv4Network | IPv6Network):
        return thing.version, int(thing.network_address), thing.prefixlen
    return thing.version, int(thing), 0


def is_within(inner: IpNetwork, outer: IpNetwork) -> bool:
    """Whether `outer` contains all of `inner`; never if they are of two families."""
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def is_unicast_block(prefix: IpNetwork) -> bool:
    """Whether a prefix is no part of a block of IPv6 that no port has an address of; for IPv4 always."""
    blocks = (_LINK_LOCAL, *(block for block, _ in _UNUSABLE_V6))
    return not any(is_within(prefix, block) for block in blocks)


def is_host_of(address: IpAddress, prefix: IpNetwork) -> bool:
    """Whether one host of a subnet with this prefix can have the address.

    Not its first one (IPv4: the network's; IPv6: the subnet routers', RFC 4291 section 2.6.1), and not the IPv4
    broadcast address, which is its last.
    """
    first, last = hosts_of(prefix)
    return address.version == prefix.version and int(first) <= int(address) <= int(last)


def hosts_of(prefix: IpNetwork) -> tuple[IpAddress, IpAddress]:
    """Return the first and last address that a host of the subnet can have."""
    return prefix[1], prefix[-2] if prefix.version == 4 else prefix[-1]


def link_local_of(mac: Mac) -> IPv6Address:
    """Return the link-local address made of a MAC: modified EUI-64 (RFC 4291 appendix A)."""
    upper, lower = mac.value >> 24, mac.value & 0xFFFFFF
    return IPv6Address(0xFE80 << 112 | (upper ^ 0x020000) << 40 | 0xFFFE << 24 | lower)


def _read_v4(value: Any) -> IPv4Address | None:
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(value) if isinstance(value, str) else None
    except AddressValueError:
        return None


def _read_v6(value: Any) -> IPv6Address | None:
    if isinstance(value, IPv6Address):
        return value
    if not isinstance(value, str) or ":" not in value:
        return None
    if "%" in value:
        raise wrong(f"{shorten(value)} names an interface", f"the address alone, {_EXAMPLE_V6}")
    try:
        return IPv6Address(value)
    except AddressValueError:
        return None


def _read_address(value: Any) -> IpAddress:
    address = _read_v4(value) or _read_v6(value)
    if address is None:
        raise wrong(f"{shorten(value)} is not an IP address", f"{_EXAMPLE_V4}, or IPv6, {_EXAMPLE_V6}")
    return address


def _read_address_v4(value: Any) -> IPv4Address:
    address = _read_v4(value)
    if address is None:
        raise wrong(f"{shorten(value)} is not an IPv4 address", _EXAMPLE_V4)
    return address


def _read_address_v6(value: Any) -> IPv6Address:
    address = _read_v6(value)
    if address is None:
        raise wrong(f"{shorten(value)} is not an IPv6 address", _EXAMPLE_V6)
    return address


def _check_unicast(address: IpAddress) -> IpAddress:
    if isinstance(address, IPv4Address):
        if address.is_multicast or address.is_unspecified or address.is_loopback or int(address) >= 0xF0000000:
            raise wrong(f"{address} cannot belong to one host", "a unicast address, neither 0.0.0.0 nor in 127.0.0.0/8")
        return address
    for block, what in _UNUSABLE_V6:
        if address in block:
            raise wrong(f"{address} {what} and cannot belong to one host", f"a unicast address, {_EXAMPLE_V6}")
    return address


def _check_routable(address: IpAddress) -> IpAddress:
    _check_unicast(address)
    if isinstance(address, IPv6Address) and address in _LINK_LOCAL:
        remedy = f"a routed address, {_EXAMPLE_V6}; ports and gateways have a link-local one of their MAC anyway"
        raise wrong(f"{address} is link-local", remedy)
    return address


def is_routable(address: IpAddress) -> bool:
    """Whether a port may have the address, wherever its subnet is: what a field of type `Address` takes."""
    if isinstance(address, IPv4Address):
        return 0 < int(address) < 0xE0000000 and int(address) >> 24 != 127
    return address not in _LINK_LOCAL and not any(address in block for block, _ in _UNUSABLE_V6)


def _read_prefix(value: Any) -> IpNetwork:
    return _prefix(value, "an IP prefix", f"{_PREFIX_V4} or {_PREFIX_V6.removeprefix('like ')}", (4, 6))


def _read_prefix_v4(value: Any) -> IpNetwork:
    return _prefix(value, "an IPv4 prefix", _PREFIX_V4, (4,))


def _read_prefix_v6(value: Any) -> IpNetwork:
    return _prefix(value, "an IPv6 prefix", _PREFIX_V6, (6,))


def _prefix(value: Any, what: str, example: str, versions: tuple[int, ...]) -> IpNetwork:
    if isinstance(value, IPv4Network | IPv6Network) and value.version in versions:
        return value
    if isinstance(value, str) and "/" in value and "%" not in value and value.partition("/")[2].isdecimal():
        family = IPv6Network if ":" in value else IPv4Network
        try:
            network = family(value, strict=False)
        except ValueError:
            network = None
        if network is not None and network.version in versions:
            if str(family(value.partition("/")[0]).network_address) != str(network.network_address):
                raise wrong(f"{value} has bits set right of the prefix length", f"the prefix is {network}")
            return network
    raise wrong(f"{shorten(value)} is not {what}", f"address/length, {example}")


_HostCheck = AfterValidator(_check_routable)
Address: TypeAlias = Annotated[IpAddress, BeforeValidator(_read_address), _HostCheck, as_text]
"""A unicast address of either family that is routed, so not a link-local one of IPv6."""

AddressV4: TypeAlias = Annotated[IPv4Address, BeforeValidator(_read_address_v4), _HostCheck, as_text]
AddressV6: TypeAlias = Annotated[IPv6Address, BeforeValidator(_read_address_v6), _HostCheck, as_text]

LinkAddress: TypeAlias = Annotated[IpAddress, BeforeValidator(_read_address), AfterValidator(_check_unicast), as_text]
"""A unicast address on one link, where link-local ones are common."""

Prefix: TypeAlias = Annotated[IpNetwork, BeforeValidator(_read_prefix), as_text]
PrefixV4: TypeAlias = Annotated[IPv4Network, BeforeValidator(_read_prefix_v4), as_text]
PrefixV6: TypeAlias = Annotated[IPv6Network, BeforeValidator(_read_prefix_v6), as_text]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
