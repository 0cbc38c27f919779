# SPDX-License-Identifier: Apache-2.0
"""A copy of the database, made while the controller runs, and what follows when it takes the database's place."""

import shutil
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

from p4vpc.intent import ObjectId
from p4vpc.store import Store
from p4vpc.store.backup import copy_database
from tests.integration.controller.running import apply, controlling, realise, realised
from tests.integration.controller.targets import SoftSwitch
from tests.integration.controller.test_controller import PORTS, fabric, port


async def test_a_backup_is_restored(tmp_path: Path) -> None:
    database, copy = tmp_path / "p4vpc.db", tmp_path / "copy.db"
    url = f"sqlite:///{database}"
    async with AsyncExitStack() as stack:
        switches = [SoftSwitch(device_id) for device_id in (1, 2)]
        for switch in switches:
            stack.push_async_callback(switch.stop)
            await switch.start()
        with Store(url) as store:
            async with controlling(store) as running:
                saved = await realise(running, [*fabric(*switches), *PORTS])
                before = {it.name: it.entries for it in running.status.switches}
                assert copy_database(url, copy) == saved
                lost = await realise(running, [port("c", "leaf1", 13)])
                assert lost == saved + 1
        # Sessions that the copy knows nothing of: their election ids are higher than all that it has given.
        for _ in range(3):
            with Store(url) as store:
                async with controlling(store) as running:
                    await realised(running, lost)

        for path in tmp_path.glob("p4vpc.db*"):
            path.unlink()
        shutil.copyfile(copy, database)
        with Store(url) as store:
            assert store.revision == saved
            assert store.get(ObjectId("port", "red/prod/c")) is None
            async with controlling(store) as running:
                status = await realised(running, saved)
                assert {it.name: it.entries for it in status.switches} == before
                assert all(it.connections == 1 for it in status.switches), "the first election id is taken"
                written = sum(it.updates_written for it in status.switches)
                assert 0 < written < sum(before.values()), "only what had come since is taken back"
                assert await apply(running, [port("d", "leaf2", 14)]) == saved + 1
                await realised(running, saved + 1)


def test_a_copy_is_one_file_and_ahead(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'p4vpc.db'}"
    with Store(url) as store:
        ids = [store.next_election_id("leaf1") for _ in range(3)]
        assert copy_database(url, tmp_path / "copy.db") == 0
    assert not list(tmp_path.glob("copy.db?*"))
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Store(f"sqlite:///{tmp_path / 'copy.db'}") as store:
        assert store.next_election_id("leaf1") > ids[-1] + 1000
