# SPDX-License-Identifier: Apache-2.0
"""Commits: all or nothing, one revision each, guarded, on record."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from p4vpc.errors import NotFoundError, RevisionConflictError, StoreError, UserError
from p4vpc.intent import ObjectId, Tenant, Vpc
from p4vpc.store import ChangeRecord, Delete, Put, Store

A, B, C = (Tenant(name=name) for name in "abc")
A2 = Tenant(name="a", description="second")


@pytest.fixture(params=["sqlite file", "sqlite memory", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_url()
    else:
        url = f"sqlite:///{tmp_path / 'p4vpc.db'}" if request.param == "sqlite file" else "sqlite://"
    with Store(url) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'file.db'}"


def execute(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgresql" in url else url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_empty(store: Store) -> None:
    assert store.revision == 0
    assert store.snapshot().intents == []
    assert store.changes_since(0) == []
    assert store.get(A.id) is None


def test_commit_get_snapshot(store: Store) -> None:
    done = store.commit([Put(B), Put(A)], "alice", summary="two tenants")
    assert done.revision == store.revision == 1
    assert done.changes == (ChangeRecord(1, A.id, None, A), ChangeRecord(1, B.id, None, B))
    stored = store.get(A.id)
    assert stored is not None
    assert (stored.object, stored.revision, stored.created) == (A, 1, 1)
    assert store.snapshot().intents == [A, B]
    assert store.snapshot().revision == 1


def test_replace_and_delete_keep_the_record(store: Store) -> None:
    store.commit([Put(A)], "alice")
    store.commit([Put(A2), Put(B)], "bob")
    store.commit([Delete(A.id)], "carol")
    assert store.snapshot().intents == [B]
    assert store.history(A.id) == [
        ChangeRecord(3, A.id, A2, None),
        ChangeRecord(2, A.id, A, A2),
        ChangeRecord(1, A.id, None, A),
    ]
    assert [(record.number, record.who) for record in store.revisions()] == [(3, "carol"), (2, "bob"), (1, "alice")]
    assert [record.number for record in store.revisions(limit=1)] == [3]
    assert abs((store.revisions()[0].time - datetime.now(UTC)).total_seconds()) < 3600


def test_created_outlives_replacement_but_not_deletion(store: Store) -> None:
    store.commit([Put(A)], "x")
    store.commit([Put(A2)], "x")
    stored = store.get(A.id)
    assert stored is not None
    assert (stored.revision, stored.created) == (2, 1)
    store.commit([Delete(A.id)], "x")
    store.commit([Put(A)], "x")
    stored = store.get(A.id)
    assert stored is not None
    assert (stored.revision, stored.created) == (4, 4)


def test_a_put_that_changes_nothing_makes_no_revision(store: Store) -> None:
    store.commit([Put(A), Put(B)], "x")
    again = store.commit([Put(A), Put(B)], "x")
    assert (again.revision, again.changes) == (1, ())
    partly = store.commit([Put(A), Put(C)], "x")
    assert [record.id for record in partly.changes] == [C.id]
    stored = store.get(A.id)
    assert stored is not None
    assert stored.revision == 1


def test_expected_revision_guards_the_whole(store: Store) -> None:
    store.commit([Put(A)], "x", expected_revision=0)
    with pytest.raises(RevisionConflictError) as caught:
        store.commit([Put(B)], "x", expected_revision=0)
    assert caught.value.current_revision == 1
    assert store.snapshot().intents == [A]


@pytest.mark.parametrize(
    ("change", "current"),
    [
        (Put(A2, if_revision=1), 2),
        (Put(A2, if_revision=0), 2),
        (Delete(A.id, if_revision=1), 2),
        (Put(C, if_revision=1), 0),
        (Delete(C.id, if_revision=1), 0),
    ],
)
def test_if_revision_guards_one_object_and_refuses_all_changes(
    store: Store, change: Put | Delete, current: int
) -> None:
    store.commit([Put(A)], "x")
    store.commit([Put(Tenant(name="a", description="newer"))], "x")
    before = store.snapshot()
    with pytest.raises(RevisionConflictError) as caught:
        store.commit([Put(B), change], "x")
    assert caught.value.current_revision == current
    assert caught.value.problems[0].object == str(change.id)
    assert store.snapshot() == before


def test_if_revision_that_holds(store: Store) -> None:
    store.commit([Put(A, if_revision=0)], "x")
    store.commit([Put(A2, if_revision=1)], "x")
    store.commit([Delete(A.id, if_revision=2)], "x")
    assert store.snapshot().intents == []


def test_deleting_what_is_not_there_is_refused_and_nothing_else_done(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        store.commit([Put(A), Delete(B.id), Delete(C.id)], "x")
    assert [problem.object for problem in caught.value.problems] == ["tenant b", "tenant c"]
    assert (store.revision, store.snapshot().intents) == (0, [])


def test_two_changes_of_one_object_are_refused(store: Store) -> None:
    with pytest.raises(UserError, match="twice"):
        store.commit([Put(A), Delete(A.id)], "x")
    assert store.revision == 0


def test_change_feed_never_cuts_a_commit(store: Store) -> None:
    store.commit([Put(A)], "x")
    store.commit([Put(B), Put(C)], "x")
    store.commit([Delete(A.id)], "x")
    everything = store.changes_since(0)
    assert [(record.revision, record.id.key) for record in everything] == [(1, "a"), (2, "b"), (2, "c"), (3, "a")]
    assert store.changes_since(2) == everything[3:]
    assert store.changes_since(3) == []
    assert store.changes_since(0, limit=2) == everything[:1]
    assert store.changes_since(0, limit=3) == everything[:3]
    assert store.changes_since(1, limit=1) == everything[1:3]
    assert store.changes_since(0, limit=4) == everything


def test_following_the_feed_in_pages_gives_the_snapshot(store: Store) -> None:
    for number in range(20):
        store.commit(
            [Put(Tenant(name=f"t{number % 7}", description=str(number))), Put(Vpc(tenant="a", name=f"v{number}"))], "x"
        )
        if number % 3 == 2:
            store.commit([Delete(ObjectId("tenant", f"t{number % 7}"))], "x")
    followed: dict[ObjectId, object] = {}
    seen = 0
    while page := store.changes_since(seen, limit=3):
        for record in page:
            assert followed.get(record.id) == record.before
            if record.after is None:
                del followed[record.id]
            else:
                followed[record.id] = record.after
        seen = page[-1].revision
    assert followed == {key: stored.object for key, stored in store.snapshot().objects.items()}
    assert seen == store.revision


def test_many_objects_in_one_commit(store: Store) -> None:
    tenants = [Tenant(name=f"t{number}") for number in range(1500)]
    assert len(store.commit([Put(tenant) for tenant in tenants], "x").changes) == 1500
    assert store.commit([Put(tenant) for tenant in tenants], "x").revision == 1
    assert len(store.commit([Delete(tenant.id) for tenant in tenants], "x").changes) == 1500
    assert store.snapshot().intents == []


def test_election_ids_grow_for_each_switch_across_restarts(url: str) -> None:
    with Store(url) as store:
        assert [store.next_election_id("leaf1") for _ in range(3)] == [1, 2, 3]
        assert store.next_election_id("leaf2") == 1
    with Store(url) as store:
        assert store.next_election_id("leaf1") == 4


def test_everything_is_there_after_a_restart(url: str) -> None:
    with Store(url) as store:
        store.commit([Put(A), Put(B)], "alice", summary="hello")
        store.commit([Delete(B.id)], "bob")
        before = (store.snapshot(), store.revisions(), store.changes_since(0))
    with Store(url) as store:
        assert (store.snapshot(), store.revisions(), store.changes_since(0)) == before


def test_writers_in_several_threads_get_revisions_of_their_own(store: Store) -> None:
    revisions: list[int] = []

    def work(worker: int) -> None:
        for number in range(10):
            revisions.append(store.commit([Put(Tenant(name=f"t{worker}-{number}"))], "x").revision)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(revisions) == list(range(1, 41))
    assert len(store.snapshot().objects) == 40


def test_two_stores_on_one_database_see_each_other(url: str) -> None:
    with Store(url) as one, Store(url) as two:
        one.commit([Put(A)], "x")
        two.commit([Put(B)], "x", expected_revision=1)
        assert one.snapshot().intents == [A, B]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ("nonsense", "is not a database URL"),
        ("mysql://me:secret@host/db", "only SQLite and PostgreSQL"),
        ("postgresql://me:secret@/db?host=/nowhere", "cannot be used"),
        ("sqlite:////nowhere/at/all/p4vpc.db", "cannot be used"),
    ],
)
def test_urls_that_cannot_be_opened(bad: str, text: str) -> None:
    with pytest.raises(StoreError, match=text) as caught:
        Store(bad)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing like a database, but long enough to be looked at " * 20)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{path}")
    assert path.read_text().startswith("nothing like")


def test_a_schema_of_another_version_is_refused(url: str) -> None:
    Store(url).close()
    execute(url, "UPDATE schema_info SET version = 99")
    with pytest.raises(StoreError, match="schema version 99"):
        Store(url)


def test_an_object_that_cannot_be_read_is_named(url: str) -> None:
    with Store(url) as store:
        store.commit([Put(A)], "x")
    execute(url, "UPDATE objects SET body = '{}'")
    with Store(url) as store, pytest.raises(StoreError, match="tenant a in the database cannot be read"):
        store.snapshot()


def test_durability_settings(file: str) -> None:
    """What kill -9 and power loss are survived with."""
    with Store(file) as store, store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_database_that_stays_locked_is_an_error_and_nothing_is_lost(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p4vpc.store.sqlite.BUSY_TIMEOUT_MS", 1)
    with Store(file) as store:
        store.commit([Put(A)], "x")
        other = sqlite3.connect(file.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.commit([Put(B)], "x")
        assert store.snapshot().intents == [A], "readers do not wait for writers"
        other.execute("ROLLBACK")
        other.close()
        assert store.commit([Put(B)], "x").revision == 2


def test_several_open_a_new_database_at_once(url: str) -> None:
    start = threading.Barrier(6)
    stores: list[Store] = []

    def work() -> None:
        start.wait(30)
        store = Store(url)
        stores.append(store)
        store.next_election_id("leaf1")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(stores) == 6
    assert stores[0].next_election_id("leaf1") == 7
    for store in stores:
        store.close()
