# SPDX-License-Identifier: Apache-2.0
"""The controller as a process: store, agents and API, until it is told to stop."""

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from p4vpc.api.app import create_app
from p4vpc.api.bodies import DEFAULT_MAX_BODY_BYTES
from p4vpc.errors import Problem, UserError
from p4vpc.services import Controller
from p4vpc.services.links import LLDP_INTERVAL_SECONDS, LinkOptions
from p4vpc.southbound import Pipeline
from p4vpc.store import Store

SHUTDOWN_SECONDS = 5


class ListenError(UserError):
    """The API cannot be served at that address."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What `p4vpc serve` is told.

    Attributes:
        database: SQLAlchemy URL.
        host, port: where the API listens; port 0 takes any that is free.
        pipeline: directory of the pipeline artefacts.
        is_open_allowed: listen on other addresses than loopback although the API does not ask who is calling.
        lldp_interval: seconds between two LLDP frames of a fabric port at least; 0 sends none.
        max_body_bytes: longest request body.
    """

    database: str
    host: str
    port: int
    pipeline: Path
    is_open_allowed: bool = False
    lldp_interval: float = LLDP_INTERVAL_SECONDS
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES


async def serve(options: ServerOptions, on_listening: Callable[[str], None] = lambda url: None) -> None:
    """Run until SIGINT or SIGTERM.

    Args:
        options: see there.
        on_listening: called with the API's URL once it answers.

    Raises:
        ListenError: the address is in use, or open to others.
        PipelineError, StoreError: there is nothing to work with.
    """
    check_listen_address(options)
    log = structlog.get_logger().bind(switch="-")
    listener = _listen(options.host, options.port)
    with listener, Store(options.database) as store:
        pipeline = await asyncio.to_thread(Pipeline.load, options.pipeline)
        link_options = LinkOptions(lldp_interval=options.lldp_interval)
        async with Controller(store, pipeline, link_options=link_options) as controller:
            app = create_app(controller, max_body_bytes=options.max_body_bytes)
            config = uvicorn.Config(
                app, log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS, lifespan="off"
            )
            server = _Server(config)
            host, port = listener.getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            log.info("serving", url=url, database=_shown(options.database), pipeline=f"{pipeline.cookie:#x}")
            server.on_started = lambda: on_listening(url)
            await server.serve(sockets=[listener])
    log.info("stopped")


class _Server(uvicorn.Server):
    """Tells when it answers, and leaves signals to us: agents and store are to be closed after it."""

    on_started: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_started()


def check_listen_address(options: ServerOptions) -> None:
    """Refuse to serve others while nobody is asked who he is.

    Raises:
        ListenError: the address is not loopback and this was not allowed.
    """
    if is_loopback(options.host) or options.is_open_allowed:
        return
    raise ListenError(
        Problem(
            "serve",
            "--listen",
            f"{options.host} can be reached by others, and the API has no authentication yet",
            "listen on 127.0.0.1, or add --allow-unauthenticated if the network itself keeps strangers out",
        )
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise ListenError(
            Problem("serve", "--listen", f"cannot listen on {host}:{port}: {error.strerror or error}", "a free port")
        ) from None


def _shown(url: str) -> str:
    """A database URL without its password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
