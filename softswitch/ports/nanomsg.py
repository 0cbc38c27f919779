# SPDX-License-Identifier: Apache-2.0
"""Ports that PTF speaks without root: the message protocol of PTF's `nn` platform over an NNG pair socket.

PTF dials, adds the ports that it was told to use, and sends and receives frames in messages with a header of three
little-endian 32-bit integers: type, port, and a length or argument.
"""

from __future__ import annotations

import asyncio
import importlib
import struct
from functools import partial
from typing import Any

import structlog

from softswitch.ports.base import RX_BURST_FRAMES, PortCounters, PortDriver, PortError, PortHost

PORT_ADD = 0
PORT_REMOVE = 1
PORT_SET_STATUS = 2
PACKET_FROM_TEST = 3
PACKET_TO_TEST = 4
INFO_REQUEST = 5
INFO_REPLY = 6

STATUS_UP = 0
INFO_COUNTERS = 1
INFO_SUCCESS = 0
INFO_NOT_SUPPORTED = 1

QUEUE_FRAMES = 4096

_HEADER = struct.Struct("<iii")
_INT32_MAX = 0x7FFF_FFFF

log = structlog.get_logger("softswitch.ports")


class NanomsgPorts(PortDriver):
    """Every port that a PTF run adds on one socket address (`ipc:///path` or `tcp://host:port`).

    The ports belong to the connection: when PTF goes away they are removed.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._counters: dict[int, PortCounters] = {}
        self._host: PortHost | None = None
        self._socket: Any = None
        self._nng: Any = None
        self._receive_fd = -1

    def start(self, host: PortHost) -> None:
        try:
            self._nng = importlib.import_module("pynng")
        except ImportError as error:
            raise PortError(f"{self._address}: ports for PTF need the package pynng; install it with ptf") from error
        pair = self._nng.Pair0()
        try:
            pair.recv_buffer_size = QUEUE_FRAMES
            pair.send_buffer_size = QUEUE_FRAMES
            pair.listen(self._address)
        except self._nng.NNGException as error:
            pair.close()
            raise PortError(f"{self._address}: cannot listen for PTF: {error}") from error
        loop = asyncio.get_running_loop()
        pair.add_post_pipe_remove_cb(lambda _pipe: self._peer_left(loop))
        self._host = host
        self._socket = pair
        self._receive_fd = pair.recv_fd
        loop.add_reader(self._receive_fd, self._read)

    def stop(self) -> None:
        pair, self._socket = self._socket, None
        if pair is None:
            return
        asyncio.get_running_loop().remove_reader(self._receive_fd)
        self._remove_all()
        self._host = None
        pair.close()

    def counters(self) -> dict[int, PortCounters]:
        return self._counters

    def _peer_left(self, loop: asyncio.AbstractEventLoop) -> None:
        # Called by a thread of NNG, perhaps after the loop has ended.
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._remove_all)

    def _remove_all(self) -> None:
        for number in list(self._counters):
            self._remove(number)

    def _read(self) -> None:
        for _ in range(RX_BURST_FRAMES):
            if self._socket is None:
                return
            try:
                message = self._socket.recv(block=False)
            except self._nng.NNGException:
                # Nothing more to read (TryAgain), or the socket is being closed.
                return
            self._handle(message)

    def _handle(self, message: bytes) -> None:
        if len(message) < _HEADER.size:
            log.warning("message from PTF is too short", address=self._address, length=len(message))
            return
        kind, number, argument = _HEADER.unpack_from(message)
        if kind == PACKET_FROM_TEST:
            self._frame_received(number, message[_HEADER.size :])
        elif kind == PORT_ADD:
            self._add(number)
        elif kind == PORT_REMOVE:
            self._remove(number)
        elif kind == PORT_SET_STATUS:
            if self._host is not None and number in self._counters:
                self._host.port_state_changed(number, is_up=argument == STATUS_UP)
        elif kind == INFO_REQUEST:
            self._answer(number, argument)
        else:
            log.warning("message from PTF has an unknown type", address=self._address, type=kind)

    def _add(self, number: int) -> None:
        if self._host is None or number in self._counters:
            return
        try:
            self._host.port_added(number, partial(self._send, number), is_up=True)
        except PortError as error:
            log.warning("port from PTF refused", address=self._address, error=str(error))
        else:
            self._counters[number] = PortCounters()

    def _remove(self, number: int) -> None:
        if self._counters.pop(number, None) is not None and self._host is not None:
            self._host.port_removed(number)

    def _frame_received(self, number: int, frame: bytes) -> None:
        counters = self._counters.get(number)
        if counters is None or self._host is None:
            log.warning("frame from PTF for a port that it did not add", address=self._address, port=number)
            return
        counters.rx_frames += 1
        counters.rx_bytes += len(frame)
        self._host.frame_received(number, frame)

    def _answer(self, number: int, info: int) -> None:
        counters = self._counters.get(number)
        reply = _HEADER.pack(INFO_REPLY, number, info)
        if counters is None or info != INFO_COUNTERS:
            reply += struct.pack("<i", INFO_NOT_SUPPORTED)
        else:
            frames = counters.rx_frames & _INT32_MAX, counters.tx_frames & _INT32_MAX
            reply += struct.pack("<iii", INFO_SUCCESS, *frames)
        self._transmit(reply)

    def _send(self, number: int, frame: bytes) -> None:
        counters = self._counters.get(number)
        if counters is None:
            return
        if self._transmit(_HEADER.pack(PACKET_TO_TEST, number, len(frame)) + frame):
            counters.tx_frames += 1
            counters.tx_bytes += len(frame)
        else:
            counters.tx_drops += 1

    def _transmit(self, message: bytes) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.send(message, block=False)
        except self._nng.NNGException:
            return False
        return True
