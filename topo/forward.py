# SPDX-License-Identifier: Apache-2.0
"""A door from the user's network namespace to the fabric's: TCP, loopback to loopback.

The sockets that listen are opened before the process moves into its own namespace, and stay where they were; the
connections that they lead to are opened after. So the API and every P4Runtime server are where their addresses say,
for the user's shell as for the controller, and nothing else of the user's network is touched.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass

_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket outside and the port that it leads to inside."""

    listener: socket.socket
    inner_port: int

    @property
    def outer_port(self) -> int:
        """Where users connect, on 127.0.0.1."""
        port: int = self.listener.getsockname()[1]
        return port


def open_door(inner_port: int) -> Door:
    """Listen on 127.0.0.1, on the same port as inside if it is free, else on one that the kernel picks."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", inner_port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    return Door(listener, inner_port)


async def serve(door: Door) -> asyncio.Server:
    """Forward connections until the server that is returned is closed."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", door.inner_port)
        except OSError:  # nobody listens inside (yet, or any more): the user sees a closed connection
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, inner_writer))
                group.create_task(_copy(inner_reader, writer))
        finally:
            inner_writer.close()
            writer.close()

    return await asyncio.start_server(forward, sock=door.listener)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
