# SPDX-License-Identifier: Apache-2.0
"""Commits of intent: checked whole, all or nothing, safe against others who commit at the same time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from p4vpc.errors import ModelError, NotFoundError, RevisionConflictError
from p4vpc.intent import Intent, ObjectId, Reference, load_yaml
from p4vpc.services import Blocking, IntentService, Operation, intents
from p4vpc.store import Delete, Put, Store

TENANT = ObjectId("tenant", "red")
VPC = ObjectId("vpc", "red/prod")

RED = """
kind: tenant
name: red
---
kind: vpc
tenant: red
name: prod
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
"""


def objects(text: str = RED) -> list[Intent]:
    return load_yaml(text, "test")


def puts(text: str = RED) -> list[Put]:
    return [Put(intent) for intent in objects(text)]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        yield opened


@pytest.fixture
async def blocking() -> AsyncIterator[Blocking]:
    threads = Blocking()
    yield threads
    await threads.close()


_POLICY = "kind: qos_policy\ntenant: red\nname: tiny\nfrom_port: {rate_bps: 8000, burst_bytes: 100}\n"
_SAMPLES = "kind: fabric\ndrop_samples: {nonsense: 1/s}\n"
_CHECKSUM = "kind: vtep\nname: far\naddress: fd00::9\nudp_checksum: computed\n"
_GROUP = "kind: security_group\ntenant: red\nvpc: prod\nname: web\n"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (_POLICY, ["from_port.burst_bytes"]),
        (f"{_POLICY}---\n{_SAMPLES}", ["from_port.burst_bytes", "drop_samples.nonsense"]),
        (_SAMPLES, ["drop_samples.nonsense"]),
        (_CHECKSUM, ["udp_checksum"]),
        (f"{_POLICY}---\n{_SAMPLES}", ["subnet", "from_port.burst_bytes", "drop_samples.nonsense"]),
        (_GROUP, ["subnet"]),
    ],
)
async def test_a_refused_request_is_told_without_a_look_at_everything(
    store: Store, blocking: Blocking, monkeypatch: pytest.MonkeyPatch, text: str, fields: list[str]
) -> None:
    service = IntentService(store, blocking, architecture="tna")
    await service.apply(puts(), who="test")
    await service.prepare()
    missing = Reference("subnet", ObjectId("subnet", "red/prod/missing"))
    # With an object that cannot be read, but whose reference to a subnet can be.
    malformed = {ObjectId("port", "red/prod/web-1"): (missing,)} if "subnet" in fields else None

    def everything(*_: object) -> None:
        raise AssertionError("everything was looked at")

    monkeypatch.setattr(intents, "check_objects", everything)
    with pytest.raises(ModelError) as caught:
        await service.apply(puts(text), who="test", malformed=malformed)
    told = [problem.field for problem in caught.value.problems]
    assert told == fields
    monkeypatch.undo()
    whole = IntentService(store, blocking, architecture="tna")
    monkeypatch.setattr(whole, "_ledger_at", lambda _: None)
    with pytest.raises(ModelError) as caught_whole:
        await whole.apply(puts(text), who="test", malformed=malformed)
    assert caught_whole.value.problems == caught.value.problems


async def test_what_the_switches_cannot_do_is_refused_with_its_object(store: Store, blocking: Blocking) -> None:
    computed = puts("kind: fabric\nudp_checksum: computed\n---\nkind: vtep\nname: far\naddress: fd00::9\n")
    computed += puts("kind: vtep\nname: router\naddress: fd00::8\nudp_checksum: computed\n")
    able = IntentService(store, blocking, architecture="v1model")
    assert (await able.apply(computed, who="test", is_dry_run=True)).edits != ()
    unable = IntentService(store, blocking, architecture="tna")
    with pytest.raises(ModelError) as caught:
        await unable.apply(computed, who="test")
    refused = [(problem.object, problem.field, problem.remedy) for problem in caught.value.problems]
    assert refused == [
        ("fabric fabric", "udp_checksum", "udp_checksum: zero"),
        ("vtep router", "udp_checksum", "udp_checksum: zero"),
    ]
    assert "(tna) cannot compute it" in caught.value.problems[0].message
    assert store.revision == 0
    assert (await unable.apply(puts(), who="test")).revision == 1


async def test_a_commit_makes_a_revision_and_tells_the_difference(store: Store, blocking: Blocking) -> None:
    commits: list[int] = []
    service = IntentService(store, blocking, lambda: commits.append(store.revision))
    applied = await service.apply(puts(), who="test")
    assert applied.revision == 1
    assert [(edit.operation, str(edit.id)) for edit in applied.edits] == [
        (Operation.CREATE, "subnet red/prod/web"),
        (Operation.CREATE, "tenant red"),
        (Operation.CREATE, "vpc red/prod"),
    ]
    assert commits == [1]
    assert store.revisions()[0].who == "test"


async def test_what_is_already_so_makes_no_revision(store: Store, blocking: Blocking) -> None:
    commits: list[int] = []
    service = IntentService(store, blocking, lambda: commits.append(store.revision))
    await service.apply(puts(), who="test")
    applied = await service.apply(puts(), who="test")
    assert (applied.revision, applied.edits, commits) == (1, (), [1])


async def test_a_dry_run_tells_the_difference_and_changes_nothing(store: Store, blocking: Blocking) -> None:
    service = IntentService(store, blocking)
    applied = await service.apply(puts(), who="test", is_dry_run=True)
    assert len(applied.edits) == 3
    assert (store.revision, (await service.snapshot()).objects) == (0, {})


async def test_what_does_not_go_together_is_refused_whole(store: Store, blocking: Blocking) -> None:
    service = IntentService(store, blocking)
    text = RED + "---\nkind: route\ntenant: red\nvpc: prod\nname: out\nprefix: 0.0.0.0/0\nnext_hop: 10.0.1.9\n"
    with pytest.raises(ModelError, match="route red/prod/out"):
        await service.apply(puts(text), who="test")
    assert store.revision == 0


async def test_references_to_what_could_not_be_read_are_no_mistake(store: Store, blocking: Blocking) -> None:
    service = IntentService(store, blocking)
    applied = await service.apply(puts()[1:], who="test", malformed={TENANT: ()})
    assert len(applied.edits) == 2
    assert store.revision == 0


async def test_deleting_what_is_referenced_names_the_referents(store: Store, blocking: Blocking) -> None:
    service = IntentService(store, blocking)
    await service.apply(puts(), who="test")
    with pytest.raises(ModelError, match="vpc red/prod: is still needed by subnet red/prod/web"):
        await service.apply([Delete(VPC)], who="test")
    everything = [Delete(intent.id) for intent in objects()]
    applied = await service.apply(everything, who="test")
    assert {edit.operation for edit in applied.edits} == {Operation.DELETE}
    assert (await service.snapshot()).objects == {}


async def test_deleting_what_does_not_exist_suggests_what_does(store: Store, blocking: Blocking) -> None:
    service = IntentService(store, blocking)
    await service.apply(puts(), who="test")
    with pytest.raises(NotFoundError, match=r"vpc red/prud: does not exist \(did you mean red/prod\?\)"):
        await service.apply([Delete(ObjectId("vpc", "red/prud"))], who="test")
    with pytest.raises(NotFoundError, match="vpc red/prud"):
        await service.get(ObjectId("vpc", "red/prud"))


@pytest.mark.parametrize("expected", [0, 7])
async def test_a_change_that_expects_another_revision_fails(store: Store, blocking: Blocking, expected: int) -> None:
    service = IntentService(store, blocking)
    await service.apply(puts(), who="test")
    with pytest.raises(RevisionConflictError, match="tenant red: is at revision 1") as caught:
        await service.apply([Put(objects()[0], expected)], who="test")
    assert caught.value.current_revision == 1
    assert (await service.apply([Put(objects()[0], 1)], who="test")).edits == ()


async def test_commits_of_another_process_are_seen_and_do_not_get_lost(tmp_path: Path, blocking: Blocking) -> None:
    url = f"sqlite:///{tmp_path / 'db'}"
    with Store(url) as mine, Store(url) as theirs:
        first, second = IntentService(mine, blocking), IntentService(theirs, blocking)
        await first.apply(puts(), who="first")
        assert (await second.get(TENANT)).revision == 1
        names = [f"tenant-{number}" for number in range(6)]
        applied = await asyncio.gather(
            *(
                (first, second)[number % 2].apply(puts(f"kind: tenant\nname: {name}"), who=name)
                for number, name in enumerate(names)
            )
        )
        assert sorted(item.revision for item in applied) == list(range(2, 8))
        known = {object_id.key for object_id in (await first.snapshot()).objects if object_id.kind == "tenant"}
        assert known == {"red", *names}


async def test_identifiers_stay_with_their_owner(store: Store, blocking: Blocking) -> None:
    service = IntentService(store, blocking)
    await service.apply(puts(), who="test")
    before = (await service.snapshot()).identifiers
    await service.apply(puts("kind: tenant\nname: blue\n---\nkind: vpc\ntenant: blue\nname: prod\n"), who="test")
    after = (await service.snapshot()).identifiers
    assert before.numbers
    assert before.numbers.items() <= after.numbers.items()
