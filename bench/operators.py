# SPDX-License-Identifier: Apache-2.0
"""Changes of what many share, one at a time: QoS policies, leaves with links, VTEPs, the fabric; and refused requests.

Each is a commit of its own, from the call to realised on all switches that it concerns; a refused one until it is
refused. What is set up for it is not measured.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import big_world

from p4vpc.errors import ModelError
from p4vpc.intent import ObjectId, from_document
from p4vpc.store import Change, Delete, Put

Apply = Callable[..., Awaitable[None]]
Seconds = dict[str, list[float]]

STEPS = (
    "QoS policy of 10 ports",
    "leaf with 4 links",
    "port on the new leaf",
    "leaf and links removed",
    "link",
    "link removed",
    "VTEP described",
    "VTEP removed",
    "drop samples",
    "refused: address taken",
    "refused: leaf in use",
    "refused: switch port taken",
)
"""What is measured, in this order."""

_QOS_PORTS = 10
_SPINE_PORT = 130
"""Free at a pod's spines."""

_BORDER_PORT = 400
_VTEP = "10.254.0.1"


def _put(**document: Any) -> Put:
    return Put(from_document(document))


def _delete(kind: str, key: str) -> Delete:
    return Delete(ObjectId(kind, key))


def _leaf(name: str) -> Sequence[Put]:
    links = [
        _put(
            kind="link",
            name=f"{name}-{at + 1}",
            a={"switch": name, "port": at + 1},
            b={"switch": big_world.spine(0, at), "port": _SPINE_PORT},
        )
        for at in range(big_world.SPINES)
    ]
    switch = _put(kind="switch", name=name, role="leaf", vtep="10.253.0.1", p4runtime=f"{name}:9559")
    return switch, *links


class Rounds:
    """All steps, over and over.

    Args:
        apply: commits changes and waits until they are realised.
    """

    def __init__(self, apply: Apply, shape: big_world.Shape):
        self._apply = apply
        self._shape = shape
        self._scope = big_world.scope_of(0)
        self._key = "{tenant}/{vpc}".format(**self._scope)
        self.seconds: Seconds = {}

    def _port(self, number: int, **fields: Any) -> dict[str, Any]:
        switch = self._shape.leaf_of(0, number)
        return {**big_world.port_document(0, number, switch, 0, number % big_world.GROUPS), **fields}

    def _qos(self, megabits: int) -> Put:
        limit = {"rate_bps": megabits * 1_000_000, "burst_bytes": 100_000}
        return _put(kind="qos_policy", tenant=self._scope["tenant"], name="bench", from_port=limit, to_port=limit)

    async def prepare(self, attachments: Sequence[dict[str, Any]]) -> None:
        """Give some ports a QoS policy, and the first leaf a neighbour with a VTEP behind it that has a port.

        Args:
            attachments: where the first ports of the first VPC are.
        """
        some = [
            Put(from_document(self._port(number, qos="bench", attachment=attachment)))
            for number, attachment in enumerate(attachments[:_QOS_PORTS])
        ]
        await self._apply(self._qos(1), *some)
        neighbor = {"mac": "02:00:00:00:99:01", "prefixes": ["10.254.0.0/16"]}
        await self._apply(_put(kind="link", name="border", a=self._end(_BORDER_PORT), b=neighbor))
        await self._apply(Put(from_document(self._port(5000, attachment={"vtep": _VTEP}))))

    def _end(self, port: int) -> dict[str, Any]:
        return {"switch": big_world.leaf(0), "port": port}

    async def round(self, number: int) -> None:
        """One of each."""
        name, port = f"leaf-new-{number}", f"{self._key}/new"
        attachment = {"switch": name, "port": 10}
        far = {"switch": big_world.spine(0, 0), "port": _SPINE_PORT + 1}
        changes: list[Sequence[Change]] = [
            [self._qos(2 + number)],
            _leaf(name),
            [Put(from_document(self._port(6000, name="new", attachment=attachment)))],
            [_delete("link", f"{name}-{at + 1}") for at in range(big_world.SPINES)] + [_delete("switch", name)],
            [_put(kind="link", name="second", a=self._end(_BORDER_PORT + 1), b=far)],
            [_delete("link", "second")],
            [_put(kind="vtep", name="bench", address=_VTEP, dscp={"mode": "uniform"})],
            [_delete("vtep", "bench")],
            [_put(kind="fabric", drop_samples={"policy": f"{number + 1}/s"})],
        ]
        for step, some in zip(STEPS, changes, strict=False):
            await self._timed(step, some)
            if step == "port on the new leaf":
                await self._apply(_delete("port", port))
        taken = self._port(7000, name="new", addresses=self._port(0)["addresses"], attachment=None)
        refused: list[Change] = [
            Put(from_document(taken)),
            _delete("switch", self._shape.leaf_of(0, 0)),
            _put(kind="link", name="second", a=self._end(1), b=far),
        ]
        for step, change in zip(STEPS[len(changes) :], refused, strict=True):
            try:
                await self._timed(step, [change])
            except ModelError:
                continue
            raise SystemExit(f"{step}: it was not")

    async def _timed(self, step: str, changes: Sequence[Change]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            await self._apply(*changes)
        finally:
            self.seconds.setdefault(f"{step} ms", []).append((time.perf_counter() - wall) * 1000)
            self.seconds.setdefault(f"{step} cpu ms", []).append((time.process_time() - cpu) * 1000)
