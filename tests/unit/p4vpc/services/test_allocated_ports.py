# SPDX-License-Identifier: Apache-2.0
"""Ports without MAC and addresses, committed: whatever has happened before, and whoever else commits."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.errors import ExhaustedError, ModelError, RevisionConflictError
from p4vpc.intent import Intent, ObjectId, Port, from_document, hosts_of, is_host_of
from p4vpc.intent.addresses import IpNetwork
from p4vpc.model import check_objects
from p4vpc.services import Blocking, IntentService
from p4vpc.store import Delete, Put, Store

NAMES = {"tenant": "red", "vpc": "prod"}
BASE = [{"kind": "tenant", "name": "red"}, {"kind": "vpc", "tenant": "red", "name": "prod"}]


def read(document: Mapping[str, Any]) -> Intent:
    return from_document(dict(document))


def port(name: str, **fields: Any) -> Intent:
    return read({"kind": "port", **NAMES, "name": name, "subnet": "web", **fields})


def web(**fields: Any) -> Intent:
    return read({"kind": "subnet", **NAMES, "name": "web", **fields})


@asynccontextmanager
async def service(url: str = "sqlite://") -> AsyncIterator[IntentService]:
    blocking = Blocking()
    with Store(url) as store:
        try:
            yield IntentService(store, blocking)
        finally:
            await blocking.close()


async def ports_of(intents: IntentService) -> dict[str, Port]:
    snapshot = await intents.snapshot()
    return {it.name: it for it in snapshot.intents if isinstance(it, Port)}


async def test_a_put_without_addresses_is_idempotent_and_a_dry_run_tells_what_would_be() -> None:
    async with service() as intents:
        base = [Put(read(it)) for it in BASE]
        await intents.apply([*base, Put(web(ipv4="10.0.1.0/24"))], who="test")
        planned = await intents.apply([Put(port("a"))], who="test", is_dry_run=True)
        assert planned.edits[0].allocated == ("mac", "addresses")
        assert await ports_of(intents) == {}
        done = await intents.apply([Put(port("a"))], who="test")
        assert done.edits == planned.edits
        again = await intents.apply([Put(port("a"))], who="test")
        assert (again.revision, again.edits) == (done.revision, ())
        tagged = await intents.apply([Put(port("a", attachment=None))], who="test")
        assert tagged.edits[0].allocated == ()
        assert (await ports_of(intents))["a"].addresses == done.edits[0].after.addresses  # type: ignore[union-attr]
        explicit = await intents.apply([Put(port("a", mac="02:00:00:00:00:09"))], who="test")
        assert (await ports_of(intents))["a"].addresses == done.edits[0].after.addresses  # type: ignore[union-attr]
        assert explicit.edits[0].allocated == ()


async def test_a_commit_with_its_fabric_allocates_as_well() -> None:
    """What the ledger knows nothing of is looked at as a whole."""
    leaf = {"kind": "switch", "name": "leaf1", "role": "leaf", "vtep": "10.255.0.1", "p4runtime": "127.0.0.1:1"}
    documents = [*BASE, leaf]
    async with service() as intents:
        changes = [Put(read(it)) for it in documents]
        ports = [port(f"p{number}", attachment={"switch": "leaf1", "port": number}) for number in range(20)]
        await intents.apply([*changes, Put(web(ipv4="10.0.1.0/26")), *map(Put, ports)], who="test")
        found = await ports_of(intents)
        assert len({str(it.addresses[0]) for it in found.values()}) == len({str(it.mac) for it in found.values()}) == 20


async def test_a_port_of_a_subnet_that_is_not_there_is_refused_for_that() -> None:
    async with service() as intents:
        await intents.apply([Put(read(it)) for it in BASE], who="test")
        with pytest.raises(ModelError, match="there is no subnet 'web'"):
            await intents.apply([Put(port("a"))], who="test")


async def test_what_a_port_had_is_for_others_once_it_is_gone_but_not_at_once() -> None:
    async with service() as intents:
        base = [Put(read(it)) for it in BASE]
        await intents.apply([*base, Put(web(ipv4="10.0.1.0/29")), Put(port("a")), Put(port("b"))], who="test")
        gone = (await ports_of(intents))["a"]
        await intents.apply([Delete(gone.id)], who="test")
        for name in ("c", "d", "e"):
            await intents.apply([Put(port(name))], who="test")
        found = await ports_of(intents)
        assert all(gone.addresses != it.addresses for it in found.values())
        await intents.apply([Put(port("f"))], who="test")
        assert (await ports_of(intents))["f"].addresses == gone.addresses
        with pytest.raises(ExhaustedError, match="subnet red/prod/web"):
            await intents.apply([Put(port("g"))], who="test")


async def test_services_on_one_database_give_nothing_twice(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'p4vpc.db'}"
    async with AsyncExitStack() as stack:
        several = [await stack.enter_async_context(service(url)) for _ in range(3)]
        base = [Put(read(it)) for it in BASE]
        await several[0].apply([*base, Put(web(ipv4="10.0.1.0/26", ipv6="fd01::/122"))], who="test")

        async def create(intents: IntentService, names: list[str]) -> None:
            while names:
                # After so many commits of others in between a commit is refused, and its author asks again.
                with suppress(RevisionConflictError):
                    await intents.apply([Put(port(names[-1]))], who="test")
                    names.pop()

        async with asyncio.TaskGroup() as group:
            for number, intents in enumerate(several):
                group.create_task(create(intents, [f"p{number}-{item}" for item in range(20)]))
        found = (await ports_of(several[0])).values()
        assert len(found) == 60
        for family in (0, 1):
            assert len({str(it.addresses[family]) for it in found}) == 60
        assert len({str(it.mac) for it in found}) == 60


_SUBNETS = (
    {"ipv4": "10.0.1.0/28"},
    {"ipv4": "10.0.1.0/29", "gateway_v4": "10.0.1.3"},
    {"ipv4": "10.0.1.0/28", "ipv6": "fd01::/125"},
    {"ipv6": "fd01::/64", "gateway_v6": "fd01::9"},
)
_PORT_NAMES = [f"p{number}" for number in range(9)]
_GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "mac": st.sampled_from(["02:00:00:00:00:07", "02:00:00:00:00:08"]),
        "addresses": st.lists(st.sampled_from(["10.0.1.2", "10.0.1.4", "fd01::2"]), min_size=1, unique=True),
    },
)
_STEP = st.tuples(
    st.sampled_from(_SUBNETS),
    st.dictionaries(st.sampled_from(_PORT_NAMES), st.one_of(st.just({}), _GIVEN), max_size=4),
    st.sets(st.sampled_from(_PORT_NAMES), max_size=2),
)


@settings(max_examples=60)
@given(st.lists(_STEP, min_size=1, max_size=8))
def test_over_any_history_ports_have_what_fits_and_is_theirs_alone(steps: list[Any]) -> None:
    asyncio.run(_run_history(steps))


async def _run_history(steps: list[Any]) -> None:
    async with service() as intents:
        await intents.apply([*(Put(read(it)) for it in BASE), Put(web(**_SUBNETS[0]))], who="test")
        for fields, puts, deletes in steps:
            before = await ports_of(intents)
            subnet = web(**fields)
            wanted = [port(name, **given) for name, given in puts.items()]
            gone = [Delete(before[name].id) for name in sorted(deletes & before.keys() - puts.keys())]
            changes = [Put(subnet), *gone, *map(Put, wanted)]
            try:
                await intents.apply(changes, who="test")
            except ExhaustedError as error:
                _check_is_full(error, subnet, before, wanted)
                assert await ports_of(intents) == before
                continue
            except ModelError as error:
                # What was said contradicts something, or a port that was not asked about is outside of the subnet now.
                own = {str(it.id) for it in wanted if puts[it.name] == {}}  # type: ignore[attr-defined]
                said = {str(it) for given in puts.values() for it in (*given.get("addresses", ()), given.get("mac"))}
                assert all(
                    problem.object not in own or any(str(word) in problem.message for word in said)
                    for problem in error.problems
                )
                assert await ports_of(intents) == before
                continue
            await _check_after(intents, subnet, before, wanted, {change.id for change in gone})


async def _check_after(
    intents: IntentService, subnet: Intent, before: Mapping[str, Port], wanted: list[Intent], gone: set[ObjectId]
) -> None:
    snapshot = await intents.snapshot()
    check_objects(snapshot.intents)
    after = await ports_of(intents)
    names = {it.key.rpartition("/")[2] for it in wanted}
    for name, known in before.items():
        if name not in names:
            assert after.get(name) == (None if known.id in gone else known)
    for it in wanted:
        assert isinstance(it, Port)
        made = after[it.name]
        assert made.mac is not None
        if not it.addresses:
            prefixes: tuple[IpNetwork, ...] = subnet.prefixes  # type: ignore[attr-defined]
            assert {address.version for address in made.addresses} == {prefix.version for prefix in prefixes}
            known_before = before.get(it.name)
            kept = known_before.addresses if known_before else ()
            gateways = (getattr(subnet, "gateway_v4", None), getattr(subnet, "gateway_v6", None))
            first = [hosts_of(prefix)[0] for prefix in prefixes]
            for address in kept:
                is_fitting = any(is_host_of(address, prefix) for prefix in prefixes)
                if is_fitting and address not in gateways and (address not in first or any(gateways)):
                    assert address in made.addresses
    again = await intents.apply([Put(it) for it in wanted], who="test")
    assert again.edits == ()


def _check_is_full(error: ExhaustedError, subnet: Intent, before: Mapping[str, Port], wanted: list[Intent]) -> None:
    """Whoever got none could not have got one: all addresses are somebody's, or asked for by this change."""
    said = {address for it in (*before.values(), *wanted) for address in it.addresses}  # type: ignore[attr-defined]
    for prefix in subnet.prefixes:  # type: ignore[attr-defined]
        if f"({prefix})" in error.problems[0].message:
            first, last = hosts_of(prefix)
            size = int(last) - int(first)  # without the gateway
            open_ports = sum(not it.addresses for it in wanted)  # type: ignore[attr-defined]
            assert len([address for address in said if address in prefix]) + open_ports > size
