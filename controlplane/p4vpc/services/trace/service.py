# SPDX-License-Identifier: Apache-2.0
"""Traces for whoever asks a running controller: one at a time, beside the event loop, and never of a stale intent."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from p4vpc.compiler import Compilation
from p4vpc.compiler.entries import Entry, Identity
from p4vpc.errors import Problem, UserError
from p4vpc.services.controller import Controller
from p4vpc.services.trace.plugin import Tracer, find_tracer
from p4vpc.services.trace.question import Question
from p4vpc.services.trace.tracing import Answer, ask, desired_of
from p4vpc.services.trace.walk import Held, World

MOST_WAITING = 16
"""Whoever comes when so many wait is sent away: each trace takes up to a second of the controller's time."""

MOST_WAITING_OF_A_TENANT = 4
"""So that no tenant takes all of these places."""

CATCH_UP_SECONDS = 5.0
"""How long a trace waits for the last commit to be compiled; then it is of the revision that is, and says so."""


class TraceBusyError(UserError):
    """More traces are asked for than are made. Attributes: `retry_after` seconds."""

    retry_after = 1.0


class NothingCompiledError(UserError):
    """The controller has compiled no revision yet. Attributes: `retry_after` seconds."""

    retry_after = 1.0


class UnknownContentError(UserError):
    """What a switch holds is not known to this controller."""


@dataclass(frozen=True, slots=True)
class Report:
    """An answer, and what it holds for.

    Attributes:
        revision: that of the intent.
        is_realised: it is about what switches hold, not about what they shall hold.
        world: the switches as the packet has left them.
    """

    revision: int
    is_realised: bool
    answer: Answer
    world: World


class TraceService:
    """Asks the tracer.

    Args:
        controller: whose compilation and switches are traced.
        find: what gives the tracer, called with the first question.
    """

    def __init__(self, controller: Controller, find: Callable[[], Tracer] = find_tracer):
        self._controller = controller
        self._find = find
        self._tracer: Tracer | None = None
        self._lock = asyncio.Lock()
        self._waiting: Counter[str | None] = Counter()

    async def ask(self, question: Question, tenant: str | None = None) -> Report:
        """Trace a packet. Nothing that exists is changed by it.

        Args:
            question: what to trace.
            tenant: who asks; None: an operator.

        Raises:
            TracerMissingError: nothing is installed that can do it.
            TraceBusyError, NothingCompiledError: not now.
            UnknownContentError: of `is_realised`: a switch on the way is not connected, or another controller's.
            NotFoundError, IntentError: the question names what does not exist, or makes no sense.
        """
        if self._tracer is None:
            self._tracer = self._find()
        own = MOST_WAITING if tenant is None else MOST_WAITING_OF_A_TENANT
        if self._waiting.total() >= MOST_WAITING or self._waiting[tenant] >= own:
            raise TraceBusyError(Problem("trace", "", "too many packets are being traced", "ask again in a second"))
        self._waiting[tenant] += 1
        try:
            await self._catch_up()
            async with self._lock:
                compilation = self._controller.compilation
                if compilation is None:
                    message = "nothing has been compiled yet"
                    raise NothingCompiledError(Problem("trace", "", message, "ask again; /readyz tells when"))
                loop = asyncio.get_running_loop()
                return await asyncio.to_thread(self._ask, question, compilation, self._tracer, loop)
        finally:
            self._waiting[tenant] -= 1

    async def _catch_up(self) -> None:
        """Wait until what was committed last is compiled, or is known not to compile."""
        revision = (await self._controller.intents.snapshot()).revision
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while self._controller.compiled_revision < revision and not self._controller.error:
                    await self._controller.changed()

    async def _held(self, switch: str) -> Mapping[Identity, Entry] | None:
        agent = self._controller.agents().get(switch)
        return None if agent is None else agent.held

    def _ask(
        self, question: Question, compilation: Compilation, tracer: Tracer, loop: asyncio.AbstractEventLoop
    ) -> Report:
        pipeline, model = self._controller.pipeline, compilation.input.model

        def desired(name: str) -> Held:
            return desired_of(compilation.states[name], pipeline)

        def realised(name: str) -> Held:
            # Agents are the event loop's, and this is a thread.
            held = asyncio.run_coroutine_threadsafe(self._held(name), loop).result()
            if held is None:
                raise UnknownContentError(
                    Problem(
                        f"switch {name}",
                        "",
                        "what it holds is not known to this controller at the moment",
                        "ask when it is ready, and the controller that owns it: see status",
                    )
                )
            wanted = compilation.states[name].entries
            # An entry that is not wanted, or not like this, comes from nothing.
            return (
                (entry, item.origins if (item := wanted.get(identity)) is not None and item.entry == entry else ())
                for identity, entry in held.items()
            )

        held = realised if question.is_realised else desired
        world = World(model, pipeline, tracer, held, compilation.input.down_links)
        return Report(model.revision, question.is_realised, ask(question, world), world)
