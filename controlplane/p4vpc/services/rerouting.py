# SPDX-License-Identifier: Apache-2.0
"""Dead links: the last good revision is compiled again to go round them, and handed out tier by tier."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial

import structlog

from p4vpc.compiler import Compilation, Input
from p4vpc.intent import ObjectId
from p4vpc.model import Model
from p4vpc.services.fleet import Fleet
from p4vpc.services.links import LinkMonitor
from p4vpc.services.membership import Membership
from p4vpc.services.progress import Progress

TIER_SECONDS = 1.0
"""How long the next tier waits at most for one that goes round dead links."""

Recompile = Callable[[Compilation | None, Input], Awaitable[Compilation]]


class Rerouting:
    """Lets what the switches hold follow which links are dead.

    Args:
        links: this controller's own evidence.
        fleet, progress: see there.
        membership: what other controllers know; None if there cannot be any.
        recompile: a compilation for another input.

    Attributes:
        avoided: the links that all switches have been told to go round. One that has just died comes to them when the
            last tier has been told, so it is behind what the monitor says, and never ahead.
    """

    def __init__(
        self,
        links: LinkMonitor,
        fleet: Fleet,
        progress: Progress,
        membership: Membership | None,
        recompile: Recompile,
    ):
        self._links = links
        self._fleet = fleet
        self._progress = progress
        self._membership = membership
        self._recompile = recompile
        self._is_news = True
        self._due: float | None = None
        self.avoided: frozenset[ObjectId] = frozenset()
        self._log = structlog.get_logger().bind(switch="-")

    def down_links(self) -> frozenset[ObjectId]:
        """The links that somebody has evidence against."""
        own = self._links.down_links()
        return own if self._membership is None else own | self._membership.cluster.down_links()

    @property
    def compiled_round(self) -> frozenset[ObjectId]:
        """The links that the last desired states go round, whoever has been told of them."""
        return frozenset() if self._progress.compiled is None else self._progress.compiled.input.down_links

    def look_again(self) -> None:
        """Something is different about links."""
        self._is_news = True

    def seconds_to_next(self, now: float) -> float | None:
        """When a link that is well again counts again, with nothing more to be heard of it; None if none does."""
        return None if self._due is None else self._due - now

    def has_handed_out(self, compiled: Compilation) -> None:
        """All switches have been given a revision."""
        self.avoided = compiled.input.down_links

    async def run_once(self) -> None:
        """Compile the last good revision again if other links are down than before.

        What has died comes first, from the leaves upwards, then what is back, from the top downwards: while tiers have
        different pictures, no switch sends to one that would send back.
        """
        if not self._is_news and (self._due is None or time.monotonic() < self._due):
            return
        self._is_news = False
        while self._progress.compiled is not None and (down_links := self.down_links()) != self.compiled_round:
            await self._follow(self._progress.compiled, down_links)
        to_next = self._links.seconds_to_next()
        self._due = None if to_next is None else time.monotonic() + to_next

    async def _follow(self, it: Compilation, down_links: frozenset[ObjectId]) -> None:
        dead = down_links - it.input.down_links
        step = it.input.down_links | dead if dead else down_links
        back = it.input.down_links - step
        of = Input(it.input.model, it.input.moved, step)
        try:
            compiled = await self._recompile(it, of)
        except Exception:
            self._log.exception("unexpected error, please report it", down_links=sorted(map(str, step)))
            compiled = replace(it, input=of, changed={})  # not again before anything else changes
        self._progress.compiled = compiled
        self._log.info("going round links", down_links=sorted(link.key for link in step))
        # Those that are held may send over a dead link what the others, who know better, do not send any more.
        told = compiled.changed.keys() | (self._fleet.held.keys() if dead else set())
        for tier, names in _tiers(of.model, told, is_downwards=not dead):
            self._fleet.hand_to(names, compiled)
            has_followed = partial(self._told_round, tier, names, dead, back)
            await self._fleet.settled(names, of.model.revision, TIER_SECONDS, has_followed)
        if self._membership is not None:
            self._membership.tell_tiers(of)
        self.avoided = step
        self._progress.notify()

    def _told_round(
        self, tier: int, names: Collection[str], dead: frozenset[ObjectId], back: frozenset[ObjectId]
    ) -> bool:
        return self._membership is None or self._membership.told_round(tier, names, dead, back)


def _tiers(model: Model, switches: Collection[str], *, is_downwards: bool) -> list[tuple[int, list[str]]]:
    """Return the switches in the order in which they are told of links, by tier."""
    tiers: defaultdict[int, list[str]] = defaultdict(list)
    for name in switches:
        tiers[model.switches[name].tier].append(name)
    return sorted(tiers.items(), reverse=is_downwards)
