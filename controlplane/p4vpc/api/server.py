# SPDX-License-Identifier: Apache-2.0
"""The controller as a process: store, agents and API, until it is told to stop."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from p4vpc.api.app import create_app
from p4vpc.api.bodies import DEFAULT_MAX_BODY_BYTES
from p4vpc.api.first_token import create_first_token
from p4vpc.api.tls import ApiTls
from p4vpc.errors import Problem, UserError
from p4vpc.intent import is_loopback
from p4vpc.services import LEASE_SECONDS, Controller, LeaseOptions, TenantLimits
from p4vpc.services.links import LLDP_INTERVAL_SECONDS, LinkOptions
from p4vpc.southbound import AgentOptions, Pipeline
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
        token_file: where the first operator token is written; None: nowhere.
        tls: how the API is served; None: in the clear.
        switch_options: how switches are reached.
        is_plain_allowed: listen on other addresses than loopback although tokens are sent in the clear.
        limits: what each tenant may take.
        lldp_interval: seconds between two LLDP frames of a fabric port at least; 0 sends none.
        max_body_bytes: longest request body.
        name: of this controller among those that share its database; None: made of host name and port.
        lease_seconds: how long its switches stay its own without a sign of life, on a database that is shared.
    """

    database: str
    host: str
    port: int
    pipeline: Path
    token_file: Path | None = None
    tls: ApiTls | None = None
    switch_options: AgentOptions | None = None
    is_plain_allowed: bool = False
    limits: TenantLimits = field(default_factory=TenantLimits)
    lldp_interval: float = LLDP_INTERVAL_SECONDS
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    name: str | None = None
    lease_seconds: float = LEASE_SECONDS


async def serve(
    options: ServerOptions,
    on_listening: Callable[[str], None] = lambda url: None,
    on_first_token: Callable[[str], None] = lambda secret: None,
) -> None:
    """Run until SIGINT or SIGTERM.

    Args:
        options: see there.
        on_listening: called with the API's URL once it answers.
        on_first_token: called with an operator's token after that, if the database had no token at all.

    Raises:
        ListenError: the address is in use, or open to others.
        ApiTlsError: the API cannot be served with those files.
        TokenFileError: the first token cannot be written.
        PipelineError, StoreError: there is nothing to work with.
    """
    check_listen_address(options)
    if options.tls is not None:
        options.tls.check()
    log = structlog.get_logger().bind(switch="-")
    listener = _listen(options.host, options.port)
    with listener, Store(options.database) as store:
        pipeline = await asyncio.to_thread(Pipeline.load, options.pipeline)
        link_options = LinkOptions(lldp_interval=options.lldp_interval)
        url = _url_of(listener, is_tls=options.tls is not None)
        leases = _leases_of(options, url, listener)
        async with Controller(
            store, pipeline, options=options.switch_options, link_options=link_options, leases=leases
        ) as controller:
            app = create_app(controller, max_body_bytes=options.max_body_bytes, limits=options.limits)
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                lifespan="off",
                **_tls_of(options),
            )
            server = _Server(config)
            server.on_stop = app.state.closing.set
            log.info("serving", url=url, database=_shown(options.database), pipeline=f"{pipeline.cookie:#x}")
            first = await create_first_token(controller.access, options.token_file)

            def started() -> None:
                on_listening(url)
                if first is not None:
                    on_first_token(first)

            server.on_started = started
            await server.serve(sockets=[listener])
    log.info("stopped")


class _Server(uvicorn.Server):
    """Tells when it answers, and leaves signals to us: agents and store are to be closed after it."""

    on_started: Callable[[], None] = staticmethod(lambda: None)
    on_stop: Callable[[], None] = staticmethod(lambda: None)

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
        self.on_stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_started()


def check_listen_address(options: ServerOptions) -> None:
    """Refuse to let tokens travel over a network in the clear.

    Raises:
        ListenError: the address is not loopback and this was not allowed.
    """
    if options.tls is not None or is_loopback(options.host) or options.is_plain_allowed:
        return
    raise ListenError(
        Problem(
            "serve",
            "--listen",
            f"{options.host} is reached over a network, and tokens would be sent in the clear",
            "give --tls-cert and --tls-key, or listen on 127.0.0.1; --allow-plain-http if something in front does TLS",
        )
    )


def _url_of(listener: socket.socket, *, is_tls: bool) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if is_tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _leases_of(options: ServerOptions, url: str, listener: socket.socket) -> LeaseOptions:
    name = options.name or f"{socket.gethostname()}:{listener.getsockname()[1]}"
    return LeaseOptions(name, url, seconds=options.lease_seconds, settle=2 * options.lease_seconds)


def _tls_of(options: ServerOptions) -> dict[str, Any]:
    tls = options.tls
    if tls is None:
        return {}
    files = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    if tls.client_ca is None:
        return files
    return {**files, "ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}


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
