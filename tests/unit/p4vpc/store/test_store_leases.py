# SPDX-License-Identifier: Apache-2.0
"""Leases, reports and news of other controllers in the database; the clock is the database's."""

import queue
import threading
from pathlib import Path

import pytest
from sqlalchemy import update

from p4vpc.errors import StoreError
from p4vpc.intent import Claim, ClaimId, IdentifierPlan, Tenant
from p4vpc.store import (
    NEW_COMMIT,
    NEW_LEASES,
    NEW_REPORTS,
    Delete,
    ForgottenError,
    Lease,
    LeaseChanges,
    LeaseTable,
    Progress,
    Put,
    Registration,
    ReplacedError,
    Store,
)
from p4vpc.store.schema import controllers
from tests.postgres import PostgresServer

ONE, TWO = Registration("one", "process 1"), Registration("two", "process 2")


def nothing(_: LeaseTable) -> LeaseChanges:
    return LeaseChanges()


def test_a_lease_is_taken_with_a_new_epoch_each_time(url: str) -> None:
    with Store(url) as store:
        assert (store.join(ONE, "http://one", 60), store.join(TWO, "", 60)) == (1, 2)
        assert store.renew(ONE, 60, lambda _: LeaseChanges(take=["leaf1", "leaf2"])).leases == {
            "leaf1": Lease("one", 1, False),
            "leaf2": Lease("one", 1, False),
        }
        table = store.renew(TWO, 60, lambda _: LeaseChanges(take=["leaf1"]))
        assert table.leases["leaf1"] == Lease("two", 2, False)
        assert table.members["one"].url == "http://one"
        assert store.renew(ONE, 60, lambda _: LeaseChanges(take=["leaf1"])).leases["leaf1"].epoch == 3
        assert store.next_election_id("leaf1") == 4


def test_what_is_not_ones_own_can_neither_be_given_nor_marked_nor_forgotten(url: str) -> None:
    with Store(url) as store:
        store.join(ONE, "", 60)
        store.join(TWO, "", 60)
        store.renew(ONE, 60, lambda _: LeaseChanges(take=["leaf1", "leaf2", "leaf3"]))
        changes = LeaseChanges(give=["leaf1"], mark={"leaf2": True}, forget=["leaf3"])
        assert store.renew(TWO, 60, lambda _: changes).leases == {
            f"leaf{number}": Lease("one", 1, False) for number in (1, 2, 3)
        }
        assert store.renew(ONE, 60, lambda _: changes).leases == {
            "leaf1": Lease(None, 1, False),
            "leaf2": Lease("one", 1, True),
        }
        assert store.raise_epoch(ONE, "leaf2", 40) == 41
        assert store.raise_epoch(TWO, "leaf2", 0) is None


def test_who_does_not_renew_is_not_live_any_more(url: str) -> None:
    with Store(url) as store:
        store.join(ONE, "", 60)
        store.join(TWO, "", 0)
        assert {name: it.is_live for name, it in store.renew(ONE, 60, nothing).members.items()} == {
            "one": True,
            "two": False,
        }
        assert all(it.is_live for it in store.renew(TWO, 60, nothing).members.values())


def test_a_name_is_the_later_ones_whose_leases_are_free(url: str) -> None:
    with Store(url) as store:
        store.join(ONE, "", 60)
        store.renew(ONE, 60, lambda _: LeaseChanges(take=["leaf1"]))
        again = Registration("one", "process 3")
        assert store.join(again, "", 60) == 2
        with pytest.raises(ReplacedError):
            store.renew(ONE, 60, nothing)
        with pytest.raises(ForgottenError):
            store.report(ONE, Progress(1), {})
        store.leave(ONE)
        assert store.renew(again, 60, nothing).leases == {"leaf1": Lease(None, 1, False)}
        store.leave(again)
        with pytest.raises(ForgottenError):
            store.renew(again, 60, nothing)


def test_a_controller_that_is_gone_for_long_is_forgotten(url: str) -> None:
    with Store(url) as store:
        store.join(ONE, "", 60)
        with store._database.write() as connection:
            connection.execute(update(controllers).values(expires_us=1))
        store.join(TWO, "", 60)
        assert set(store.renew(TWO, 60, nothing).members) == {"two"}


def test_reports_of_own_switches_are_read_once(url: str) -> None:
    with Store(url) as store:
        store.join(ONE, "", 60)
        store.join(TWO, "", 60)
        store.renew(ONE, 60, lambda _: LeaseChanges(take=["leaf1", "leaf2"]))
        progress = Progress(7, frozenset({"leaf1-leaf2"}), {0: frozenset({"leaf1-leaf3"}), 1: frozenset()})
        store.report(ONE, progress, {"leaf1": "a", "leaf2": "b", "leaf3": "not its own"})
        table, reports = store.reports(0)
        assert {(it.switch, it.controller, it.body) for it in reports} == {("leaf1", "one", "a"), ("leaf2", "one", "b")}
        one, two = table.members["one"], table.members["two"]
        assert (one.revision, one.down_links, one.tiers) == (7, progress.down_links, progress.tiers)
        assert (two.revision, two.down_links, two.tiers) == (0, frozenset(), {})
        last = max(it.serial for it in reports)
        assert store.reports(last)[1] == []
        store.report(ONE, Progress(8), {"leaf2": "c"})
        store.report(TWO, Progress(8), {"leaf1": "not its own"})
        _, reports = store.reports(last)
        assert [(it.switch, it.body) for it in reports] == [("leaf2", "c")]


def test_two_that_decide_at_once_decide_one_after_the_other(url: str) -> None:
    taken: list[str] = []
    start = threading.Barrier(2)

    def work(me: Registration) -> None:
        def decide(table: LeaseTable) -> LeaseChanges:
            free = "leaf1" not in table.leases
            taken.extend([me.name] if free else [])
            return LeaseChanges(take=["leaf1"] if free else [])

        start.wait(30)
        store.renew(me, 60, decide)

    with Store(url) as store:
        threads = [threading.Thread(target=work, args=(me,)) for me in (ONE, TWO)]
        for me in (ONE, TWO):
            store.join(me, "", 60)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(taken) == 1
        assert store.reports(0)[0].leases == {"leaf1": Lease(taken[0], 1, False)}


def test_news_are_what_differs_and_lead_from_one_snapshot_to_the_next(url: str) -> None:
    a, b, c = (Tenant(name=name) for name in "abc")

    def plan(*owners: str, retire: tuple[str, ...] = ()) -> IdentifierPlan:
        claims = tuple(Claim(ClaimId("vni", owner), 1, 9, "") for owner in owners)
        return IdentifierPlan(claims, tuple(ClaimId("vni", owner) for owner in retire))

    with Store(url) as store:
        store.commit([Put(a), Put(b)], "x", identifiers=plan("a", "b"))
        before = store.snapshot()
        store.commit([Put(c), Delete(a.id)], "x", identifiers=plan("c", retire=("a",)))
        store.release_retired(2)
        store.commit([Put(Tenant(name="b", description="new"))], "x", identifiers=plan(retire=("b",)))
        store.commit([], "x", identifiers=plan("b"))
        store.commit([Put(a)], "x")
        after = store.snapshot()
        news = store.news(before.revision, 100)
        assert news is not None
        assert news.revision == after.revision
        objects = {**before.objects, **news.objects}
        assert {key: it for key, it in objects.items() if it is not None} == after.objects
        numbers = {**before.identifiers.numbers, **news.numbers}
        assert {key: it for key, it in numbers.items() if it is not None} == after.identifiers.numbers
        assert store.news(before.revision, 3) is None, "more changes than wanted"
        assert store.news(after.revision + 1, 100) is None, "a revision that is not there (another database)"


def test_who_listens_hears_of_what_others_commit(postgres: PostgresServer) -> None:
    heard: queue.Queue[str] = queue.Queue()
    url = postgres.new_url()
    with Store(url) as store, Store(url) as other:
        listening = store.listen(heard.put)
        assert listening is not None
        assert heard.get(timeout=30) == "", "it may have missed something before it listened"
        other.commit([Put(Tenant(name="a"))], "x")
        assert heard.get(timeout=30) == NEW_COMMIT
        other.join(ONE, "", 60)
        assert heard.get(timeout=30) == NEW_LEASES
        other.renew(ONE, 60, nothing)
        other.report(ONE, Progress(1), {})
        assert heard.get(timeout=30) == NEW_REPORTS
        postgres.stop()
        postgres.start()
        assert heard.get(timeout=30) == "", "it listens again"
        other.commit([Put(Tenant(name="b"))], "x")
        assert heard.get(timeout=30) == NEW_COMMIT
        listening.close()


def test_nobody_listens_on_sqlite(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'p4vpc.db'}") as store:
        assert store.listen(lambda _: None) is None


def test_one_controller_has_a_sqlite_database_to_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'p4vpc.db'}"
    with Store(url) as store, Store(url) as other:
        use = store.use_alone()
        assert use is not None
        with pytest.raises(StoreError, match=r"another controller works with .*p4vpc\.db already"):
            other.use_alone()
        use.close()
        again = other.use_alone()
        assert again is not None
        again.close()
    with Store("sqlite://") as store:
        assert store.use_alone() is None


def test_a_postgresql_database_is_shared(postgres: PostgresServer) -> None:
    with Store(postgres.new_url()) as store:
        assert store.is_shared
        assert store.use_alone() is None
