# SPDX-License-Identifier: Apache-2.0
"""MACs and addresses for ports that do not give any: they fit, they are nobody else's, and they stay."""

from collections.abc import Iterable

import pytest

from p4vpc.errors import ExhaustedError
from p4vpc.intent import Intent, ObjectId, Port, Subnet, from_document
from p4vpc.model import PortOwners, Resting, check_objects, complete

TENANT = from_document({"kind": "tenant", "name": "red"})
VPC = from_document({"kind": "vpc", "tenant": "red", "name": "prod"})
NAMES = {"tenant": "red", "vpc": "prod"}


def subnet(name: str = "web", **fields: object) -> Subnet:
    made = from_document({"kind": "subnet", **NAMES, "name": name, **(fields or {"ipv4": "10.0.1.0/24"})})
    assert isinstance(made, Subnet)
    return made


def port(name: str, **fields: object) -> Port:
    made = from_document({"kind": "port", **NAMES, "name": name, "subnet": "web", **fields})
    assert isinstance(made, Port)
    return made


def completed(
    ports: Iterable[Port], there: Iterable[Intent] = (), of: Iterable[Subnet] = (), resting: Resting | None = None
) -> dict[str, Port]:
    """All the ports as they would be committed."""
    wanted = list(ports)
    before = {intent.id: intent for intent in there}
    known: dict[ObjectId, Intent | None] = {it.id: it for it in of or [subnet()]}
    known.update({it.id: before.get(it.id) for it in wanted})
    found = complete(wanted, known, PortOwners(before.values()), resting or Resting())
    return {it.name: found.get(it.id, it) for it in wanted}


def numbers(port: Port) -> list[str]:
    return [str(address) for address in port.addresses]


def test_a_port_gets_an_address_of_each_family_and_a_mac_that_administrators_assign() -> None:
    both = subnet(ipv4="10.0.1.0/24", ipv6="fd01::/64")
    made = completed([port("a")], of=[both])["a"]
    assert [address.version for address in made.addresses] == [4, 6]
    assert all(any(address in prefix for prefix in both.prefixes) for address in made.addresses)
    assert made.mac is not None
    assert made.mac.value >> 40 & 0x0F == 0x02
    assert made.mac.value >> 40 != 0x02
    assert made.document()["mac"] == str(made.mac)
    check_objects([TENANT, VPC, both, made])


def test_what_is_given_is_left_alone() -> None:
    given_mac = completed([port("a", mac="02:00:00:00:00:09")])["a"]
    assert str(given_mac.mac) == "02:00:00:00:00:09"
    given_addresses = completed([port("a", addresses=["10.0.1.7"])])["a"]
    assert numbers(given_addresses) == ["10.0.1.7"]
    whole = port("a", mac="02:00:00:00:00:09", addresses=["10.0.1.7"])
    assert completed([whole])["a"] is whole


def test_the_same_port_gets_the_same_again_whoever_else_is_there() -> None:
    alone = completed([port("a")])["a"]
    together = completed([port(name) for name in ("b", "a", "c")])
    assert together["a"] == alone
    assert completed([port("a")], there=[together["b"], together["c"]])["a"] == alone


def test_a_port_keeps_what_it_has() -> None:
    before = port("a", mac="02:00:00:00:00:09", addresses=["10.0.1.7", "10.0.1.8"])
    again = completed([port("a")], there=[before])["a"]
    assert (again.mac, again.addresses) == (before.mac, before.addresses)
    assert completed([again], there=[again])["a"] is again


def test_in_another_subnet_a_port_keeps_its_mac_and_gets_other_addresses() -> None:
    before = completed([port("a")])["a"]
    db = subnet("db", ipv4="10.0.2.0/24")
    moved = completed([port("a", subnet="db")], there=[before], of=[db])["a"]
    assert moved.mac == before.mac
    assert moved.addresses[0] in db.prefixes[0]
    other = port("b", subnet="db", mac=str(before.mac), addresses=["10.0.2.9"])
    assert completed([port("a", subnet="db")], there=[before, other], of=[db])["a"].mac != before.mac


def test_a_family_that_the_subnet_gets_later_is_added() -> None:
    before = completed([port("a")])["a"]
    both = subnet(ipv4="10.0.1.0/24", ipv6="fd01::/64")
    after = completed([port("a")], there=[before], of=[both])["a"]
    assert after.addresses[0] == before.addresses[0]
    assert after.addresses[1] in both.prefixes[1]


def test_a_full_subnet_is_told_with_its_ports_and_a_remedy() -> None:
    small = subnet(ipv4="10.0.1.0/29")
    made = completed([port(f"p{number}") for number in range(5)], of=[small])
    assert {numbers(it)[0] for it in made.values()} == {f"10.0.1.{number}" for number in range(2, 7)}
    with pytest.raises(ExhaustedError) as caught:
        completed([port("x"), port("y")], there=made.values(), of=[small])
    assert [problem.object for problem in caught.value.problems] == ["port red/prod/x", "port red/prod/y"]
    problem = caught.value.problems[0]
    assert (problem.field, problem.message) == ("addresses", "subnet red/prod/web (10.0.1.0/29) has no address left")
    assert "another subnet" in problem.remedy


@pytest.mark.parametrize(
    "fields", [{"ipv6": "::/125"}, {"ipv6": "::/64"}, {"ipv4": "126.0.0.0/7"}, {"ipv6": "fe80::/9"}]
)
def test_only_addresses_that_can_be_read_again_are_given(fields: dict[str, str]) -> None:
    """A port that is stored with another one could never be read again."""
    wide = subnet(**fields)
    for number in range(6):
        try:
            made = completed([port(f"p{number}")], of=[wide])[f"p{number}"]
        except ExhaustedError:
            continue
        assert from_document(made.document()) == made


def test_a_prefix_without_usable_addresses_has_none_left() -> None:
    for prefix in ("127.0.0.0/24", "224.0.0.0/8", "127.0.0.0/8"):
        with pytest.raises(ExhaustedError):
            completed([port("a")], of=[subnet(ipv4=prefix)])


def test_what_was_given_back_rests_as_long_as_there_is_anything_else() -> None:
    small = subnet(ipv4="10.0.1.0/29")
    there = completed([port(f"p{number}") for number in range(5)], of=[small])
    resting = Resting()
    left = [there.pop("p3"), there.pop("p1")]
    for gone in left:
        resting.given_back(gone, None)
    assert completed([port("p1")], there=there.values(), of=[small], resting=resting)["p1"].addresses == (
        left[1].addresses
    )
    free = {*numbers(left[0]), *numbers(left[1])}
    first = completed([port("new")], there=there.values(), of=[small], resting=resting)["new"]
    assert numbers(first) == numbers(left[0]), "the one that has rested longest"
    assert set(numbers(first)) < free


def test_the_last_addresses_of_a_big_subnet_are_found() -> None:
    wide = subnet(ipv4="10.0.0.0/17")
    prefix = wide.prefixes[0]
    used = [str(prefix[number]) for number in range(2, 2**15 - 1) if number not in (77, 20_000)]
    there = [
        port(
            f"p{start}", mac=f"02:00:00:00:{start >> 8 & 255:02x}:{start & 255:02x}", addresses=used[start : start + 64]
        )
        for start in range(0, len(used), 64)
    ]
    made = completed([port("x"), port("y")], there=there, of=[wide])
    assert {numbers(it)[0] for it in made.values()} == {str(prefix[77]), str(prefix[20_000])}


def test_a_crowd_in_a_large_subnet_is_gone_round() -> None:
    wide = subnet(ipv4="10.0.0.0/8")
    alone = completed([port("a")], of=[wide])["a"].addresses[0]
    crowd = [str(alone + number) for number in range(3000)]
    there = [
        port(f"p{start}", mac=f"02:00:00:00:00:{start // 64:02x}", addresses=crowd[start : start + 64])
        for start in range(0, len(crowd), 64)
    ]
    found = completed([port("a")], there=there, of=[wide])["a"].addresses[0]
    assert str(found) not in crowd


def test_macs_are_unique_beyond_the_subnet() -> None:
    first = completed([port("a")])["a"]
    elsewhere = from_document({**first.document(), "vpc": "other"})
    assert completed([port("a")], there=[elsewhere])["a"].mac != first.mac


def test_without_a_subnet_only_the_mac_is_made() -> None:
    made = complete([port("a")], {}, PortOwners([]), Resting())[ObjectId("port", "red/prod/a")]
    assert (made.mac is not None, made.addresses) == (True, ())
