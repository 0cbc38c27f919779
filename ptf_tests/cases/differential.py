# SPDX-License-Identifier: Apache-2.0
"""The target against softswitch's engine in memory: the same random frames, the same outputs, the same counters."""

import random
import secrets
from collections import Counter
from functools import lru_cache
from pathlib import Path

import ptf
from ptf import testutils
from ptf.dataplane import DataPlane

from ptf_tests import entries, leaf
from ptf_tests.base import BURST, CONFIG_FILE, DROP_REASONS, DROP_TABLES, WAIT_S, PipelineTest
from ptf_tests.entries import policy
from ptf_tests.frames import Frames, Sent
from ptf_tests.leaf import LOCAL_HOSTS, REMOTE_HOSTS, LeafTest
from ptf_tests.native import install, install_groups, install_sessions
from ptf_tests.p4info import CloneSession, Entry, MulticastGroup, Writable
from ptf_tests.states import RandomState
from softswitch.program import Program
from softswitch.runtime.switch import Switch

FRAMES_PER_STATE = 500
FEWEST_STATES = 4
CPU_PORT = 510


class _DifferentialTest(PipelineTest):
    """Compares the target, as it is installed, with an engine that gets the same entries."""

    def options(self) -> tuple[int, int]:
        """Seed and number of frames; the seed is drawn when none is given, and printed either way."""
        params = testutils.test_params_get()
        seed = params.get("seed")
        seed = secrets.randbelow(1 << 32) if seed is None else int(str(seed))
        count = int(str(params.get("count", 400)))
        self.assertGreater(count, 0)
        print(f"differential: seed {seed}, {count} frames", flush=True)
        return seed, count

    def compare(self, frames: Frames, count: int, title: str) -> None:
        """So many frames do the same in both; `title` says in a failure how to see it again."""
        params = testutils.test_params_get()
        engine = _program(Path(str(params["pipeline"])) / CONFIG_FILE).instantiate()
        install(engine, (item for item in self.installed if isinstance(item, Entry)))
        install_groups(engine, (item for item in self.installed if isinstance(item, MulticastGroup)))
        install_sessions(engine, (item for item in self.installed if isinstance(item, CloneSession)))
        for start in range(0, count, BURST):
            batch = [frames.draw() for _ in range(min(BURST, count - start))]
            if not self._is_same(engine, batch):
                self._find(engine, batch, title)

    def _is_same(self, engine: Switch, batch: list[Sent]) -> bool:
        """Whether outputs and drop counters agree; the order of frames on a port is not compared."""
        before, engine_before = self.drops(), _engine_drops(engine)
        wanted = Counter(output for port, frame in batch for output in engine.process(port, frame))
        if self._outputs(batch, wanted) != wanted:
            return False
        after = {name: before[name] + count - engine_before[name] for name, count in _engine_drops(engine).items()}
        return self.wait_for(lambda: self.drops() == after)

    def _find(self, engine: Switch, batch: list[Sent], title: str) -> None:
        """Fails with the first frame of a batch that differs when it is sent alone."""
        for port, frame in batch:
            before, engine_before = self.drops(), _engine_drops(engine)
            if self._is_same(engine, [(port, frame)]):
                continue
            wanted = engine.process(port, frame)
            outputs = self._outputs([(port, frame)], Counter(wanted))
            got = sorted((out, raw.hex()) for out, raw in outputs.elements())
            self.fail(
                f"{title}: into port {port}: {frame.hex()}\n"
                f"target: {got}, drops {_rise(before, self.drops())}\n"
                f"engine: {sorted((out, raw.hex()) for out, raw in wanted)}, "
                f"drops {_rise(engine_before, _engine_drops(engine))} (sent twice)"
            )
        self.fail(f"{title}: a burst of {len(batch)} frames differs, though each of its frames alone does not")

    def _outputs(self, batch: list[Sent], expected: Counter[Sent]) -> Counter[Sent]:
        """What the target sends for a batch: waits for as much as is expected, then for what is too much."""
        shown = sum(count for (port, _), count in expected.items() if port == CPU_PORT)
        forwarded = expected.total() - shown
        for port, frame in batch:
            self.send(port, frame)
        got: Counter[Sent] = Counter()
        while True:
            result = testutils.dp_poll(self, timeout=WAIT_S if got.total() < forwarded else 0.02)
            if isinstance(result, DataPlane.PollFailure):
                return got + self._shown(shown)
            got[(result.port, result.packet)] += 1

    def _shown(self, expected: int) -> Counter[Sent]:
        """What the target shows to the controller, as the engine has it: behind a packet_in header."""
        got: Counter[Sent] = Counter()
        while packet := self.client.packet_in(WAIT_S if got.total() < expected else 0.001):
            header = packet.metadata["ingress_port"] << 24 | packet.metadata["reason"] << 16 | packet.metadata["vrf"]
            got[(CPU_PORT, header.to_bytes(5, "big") + packet.payload)] += 1
        return got


class SameAsTheEngineInMemory(_DifferentialTest, LeafTest):
    """Random valid, mutated and truncated frames come out of the target just as softswitch's engine computes them."""

    policies = (
        leaf.permit_all(),
        policy("deny", protocol=17, ports=(2000, 29999), priority=5),
        policy("permit", src=leaf.WEB, dst=leaf.DB, ports=(0, 2500), priority=9),
    )

    def runTest(self) -> None:
        seed, count = self.options()
        frames = Frames(random.Random(seed), LOCAL_HOSTS, REMOTE_HOSTS, is_on_nic=_is_on_nic())
        self.compare(frames, count, f"seed {seed}")


class SameInRandomStates(_DifferentialTest):
    """The same holds when the tables are random: attachments, routes, rules, groups, tunnels, with pieces missing."""

    def runTest(self) -> None:
        seed, count = self.options()
        states = min(count, max(FEWEST_STATES, count // FRAMES_PER_STATE))
        for number in range(states):
            draw_from = random.Random(f"{seed} {number}")
            state = RandomState(draw_from)
            installed: list[Writable] = [*state.groups, *state.sessions, *state.entries()]
            self.install(installed)
            for reason in state.shown:
                self.overwrite(entries.drop_reason(reason, "punt_drop"))
            for reason in state.shown_by_egress:
                self.overwrite(entries.egress_drop_reason(reason, "punt_egress_drop"))
            share = count * (number + 1) // states - count * number // states
            frames = Frames(draw_from, state.local, state.remote, is_on_nic=_is_on_nic())
            self.compare(frames, share, f"seed {seed}, state {number} of {states}")
            self.remove(reversed(installed))
            for reason in state.shown:
                self.overwrite(entries.drop_reason(reason, "count_drop"))
            for reason in state.shown_by_egress:
                self.overwrite(entries.egress_drop_reason(reason, "count_egress_drop"))


@lru_cache(maxsize=1)
def _program(file: Path) -> Program:
    return Program.from_json(file.read_bytes())


def _is_on_nic() -> bool:
    return bool(ptf.config["platform"] != "nn")


def _rise(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in after.items() if count != before[name]}


def _engine_drops(engine: Switch) -> dict[str, int]:
    names = {number: name for name, number in DROP_REASONS.items()}
    drops = dict.fromkeys(DROP_REASONS, 0)
    for table in DROP_TABLES:
        for entry in engine.tables[table]:
            (number,) = entry.key
            if isinstance(number, int):
                drops[names[number]] += entry.packets
    return drops
