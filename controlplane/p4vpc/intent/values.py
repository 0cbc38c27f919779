# SPDX-License-Identifier: Apache-2.0
"""Value types of the fields: names, MAC addresses, port ranges, sockets. Addresses are in `addresses`.

They accept exactly one spelling of each thing and serialise to it, so that a document survives a round trip. Numbers
and booleans are strict: YAML's `no` is not 0, and "5" is not 5.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
UNION_TAG = "="
"""First character of the tags of unions, which pydantic puts into the paths of its errors."""

PROTOCOL_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
"""IANA protocol numbers of the protocols that rules may name."""

MAX_SHOWN_PER_SECOND = 1000
"""Most packets that a switch shows to the controller for one reason: a bound on what a controller has to take."""

_T = TypeVar("_T")
_MAC_PATTERN = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_PORTS_PATTERN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_RATE_PATTERN = re.compile(r"([0-9]{1,9})/s")
_SOCKET_PATTERN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True, order=True)
class Mac:
    """A 48-bit MAC address. Written with colons, in lower case."""

    value: int

    @classmethod
    def parse(cls, text: str) -> "Mac":
        """Read `02:00:00:00:00:01`; ValueError for anything else."""
        if not _MAC_PATTERN.fullmatch(text):
            raise ValueError(f"{text!r} is not a MAC address")
        return cls(int(text.replace(":", ""), 16))

    @property
    def is_unicast(self) -> bool:
        """Whether one station can own it: the group bit is clear and it is not all zeros."""
        return self.value != 0 and not self.value >> 40 & 1

    def __str__(self) -> str:
        return ":".join(f"{octet:02x}" for octet in self.value.to_bytes(6))


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """TCP or UDP ports from `low` to `high`, both included. Written `80` or `8000-8099`."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True, order=True)
class PerSecond:
    """So many packets a second. Written `10/s`."""

    packets: int

    def __str__(self) -> str:
        return f"{self.packets}/s"


def wrong(message: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value that cannot be: what is wrong, and what would be right."""
    # Braces would be taken for placeholders by pydantic's template.
    return PydanticCustomError("value", "{message}", {"message": message, "remedy": remedy})


def _read_mac(value: Any) -> Mac:
    if isinstance(value, Mac):
        return value
    if isinstance(value, int):
        raise wrong(
            f"the number {str(value)[:20]} is not a MAC address",
            'YAML reads an unquoted MAC of digits alone as a number; write it in quotes, like "02:00:00:00:00:01"',
        )
    if not isinstance(value, str) or not _MAC_PATTERN.fullmatch(value):
        raise wrong(f"{shorten(value)} is not a MAC address", "six hexadecimal octets, like 02:00:00:00:00:01")
    return Mac.parse(value)


def _check_unicast(mac: Mac) -> Mac:
    if not mac.is_unicast:
        raise wrong(f"{mac} is not a unicast MAC address", "the first octet is even, and not all octets are 0")
    return mac


def _read_ports(value: Any) -> PortRange:
    if isinstance(value, PortRange):
        return value
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else value
    match = _PORTS_PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise wrong(f"{shorten(value)} is not a port or a range of ports", 'like "80" or "8000-8099"')
    low, high = int(match[1]), int(match[2] or match[1])
    if high > 0xFFFF:
        raise wrong(f"{text} goes beyond port 65535", "ports are 0 to 65535")
    if low > high:
        raise wrong(f"{text} runs backwards", f"{high}-{low}")
    return PortRange(low, high)


def _read_rate(value: Any) -> PerSecond:
    if isinstance(value, PerSecond):
        return value
    match = _RATE_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(f"{shorten(value)} is not a rate of packets", "like 10/s")
    packets = int(match[1])
    if not 1 <= packets <= MAX_SHOWN_PER_SECOND:
        raise wrong(f"{packets} packets a second are not possible", f"1/s to {MAX_SHOWN_PER_SECOND}/s")
    return PerSecond(packets)


def _read_socket(value: Any) -> str:
    match = _SOCKET_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match["port"]) <= 0xFFFF:
        raise wrong(f"{shorten(value)} is not host:port", "like 127.0.0.1:9559, leaf1.example.net:9559 or [::1]:9559")
    return match[0]


def printable(text: str) -> str:
    """Return a text that can be shown on any terminal: what does not print is escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def shorten(value: Any) -> str:
    """Return a value as it is told to a user: never long, never in Python's words."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _read_protocol(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return value
    if isinstance(value, str) and value in PROTOCOL_NUMBERS | {"any": 0}:
        return value
    raise wrong(
        f"{shorten(value)} is not a protocol", "any, tcp, udp, icmp, icmpv6, or an IP protocol number from 0 to 255"
    )


def _check_distinct(values: tuple[_T, ...]) -> tuple[_T, ...]:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise wrong(f"{value} is given twice", "give it once")
    return values


def _check_text(text: str) -> str:
    bad = next((character for character in text if not (character.isprintable() or character == "\n")), None)
    if bad is not None:
        raise wrong(f"has the character U+{ord(bad):04X}, which does not print", "letters, signs, spaces and new lines")
    return text


def _schema(pattern: re.Pattern[str]) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern.pattern}$"}


def _described(pattern: re.Pattern[str]) -> WithJsonSchema:
    """What the API's description says of a value that is read from text."""
    return WithJsonSchema(_schema(pattern), mode="validation")


as_text = PlainSerializer(str, return_type=str)
"""The value is written as its `str`."""

Name: TypeAlias = Annotated[str, StringConstraints(strict=True, pattern=NAME_PATTERN)]
"""A DNS label (RFC 1123 section 2.1): lower case letters, digits, inner hyphens; at most 63 characters."""

Text: TypeAlias = Annotated[str, StringConstraints(strict=True, max_length=1000), AfterValidator(_check_text)]
"""A remark of at most 1000 characters; it will be shown on terminals, so it has no control characters."""

UnicastMac: TypeAlias = Annotated[
    Mac, BeforeValidator(_read_mac), AfterValidator(_check_unicast), as_text, _described(_MAC_PATTERN)
]
Ports: TypeAlias = Annotated[
    PortRange,
    BeforeValidator(_read_ports),
    as_text,
    WithJsonSchema(
        {"anyOf": [_schema(_PORTS_PATTERN), {"type": "integer", "minimum": 0, "maximum": 0xFFFF}]}, mode="validation"
    ),
]
PacketRate: TypeAlias = Annotated[PerSecond, BeforeValidator(_read_rate), as_text, _described(_RATE_PATTERN)]
ReasonName: TypeAlias = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9_]{1,63}$")]
"""Name of a drop reason, in lower case; which there are is known to the compiler."""

SocketAddress: TypeAlias = Annotated[str, BeforeValidator(_read_socket)]

Protocol: TypeAlias = Annotated[
    int | str,
    BeforeValidator(_read_protocol),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"enum": ["any", *PROTOCOL_NUMBERS]}]}
    ),
]

Distinct = AfterValidator(_check_distinct)
"""No element of a list is there twice."""

SwitchPort: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=509)]
"""A port number of the pipeline: 9 bits, of which 510 is the CPU port and 511 means drop."""

VlanId: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=4094)]
"""IEEE 802.1Q clause 9.6: 0 and 4095 are reserved."""
