# SPDX-License-Identifier: Apache-2.0
"""A port on a Linux network interface, through an AF_PACKET socket (packet(7)). Needs CAP_NET_RAW."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct

import structlog

from softswitch.ports.base import RX_BURST_FRAMES, PortCounters, PortDriver, PortError, PortHost
from softswitch.ports.link_state import Link, LinkMonitor, read_link
from softswitch.ports.offload import complete_checksum, restore_vlan_tag

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_PROMISC = 1
PACKET_OUTGOING = 4
TP_STATUS_CSUMNOTREADY = 0x08
TP_STATUS_VLAN_VALID = 0x10
TP_STATUS_VLAN_TPID_VALID = 0x40
ETHERTYPE_VLAN = 0x8100

MAX_FRAME_BYTES = 65536 + 64
SOCKET_BUFFER_BYTES = 4 << 20
_INTERFACE_GONE = (errno.ENETDOWN, errno.ENXIO, errno.ENODEV)

_AUXDATA = struct.Struct("=IIIHHHH")
_CMSG_SPACE = socket.CMSG_SPACE(_AUXDATA.size)
_PACKET_MREQ = struct.Struct("=iHH8s")

log = structlog.get_logger("softswitch.ports")


class PacketSocketPort(PortDriver):
    """One switch port on one network interface, in promiscuous mode.

    The interface may come, go and come back: the port is down while it is away and opened again when it returns.
    """

    def __init__(self, number: int, interface: str) -> None:
        self._number = number
        self._interface = interface
        self._counters = PortCounters()
        self._host: PortHost | None = None
        self._socket: socket.socket | None = None
        self._link: Link | None = None
        self._monitor = LinkMonitor(interface, self._link_changed)

    def start(self, host: PortHost) -> None:
        link = read_link(self._interface)
        if link is None:
            raise PortError(f"port {self._number}: there is no network interface {self._interface!r}")
        try:
            self._socket = self._open(link)
        except PermissionError as error:
            raise PortError(
                f"port {self._number}: no permission to open a packet socket on {self._interface!r}; "
                f"CAP_NET_RAW is needed (root, or a user namespace of your own)"
            ) from error
        except OSError as error:
            raise PortError(f"port {self._number}: cannot open {self._interface!r}: {error.strerror}") from error
        self._link = link
        self._host = host
        self._monitor.start()
        host.port_added(self._number, self._send, is_up=link.is_up)

    def stop(self) -> None:
        host, self._host = self._host, None
        if host is None:
            return
        self._monitor.stop()
        self._close()
        host.port_removed(self._number)

    def port_name(self, number: int) -> str:
        return self._interface

    def counters(self) -> dict[int, PortCounters]:
        return {self._number: self._counters}

    def _open(self, link: Link) -> socket.socket:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            raw.setblocking(False)
            raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            with contextlib.suppress(OSError):
                raw.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
            raw.bind((link.name, ETH_P_ALL))
            membership = _PACKET_MREQ.pack(link.index, PACKET_MR_PROMISC, 0, b"")
            raw.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
            asyncio.get_running_loop().add_reader(raw, self._read)
        except BaseException:
            raw.close()
            raise
        return raw

    def _close(self) -> None:
        raw, self._socket = self._socket, None
        if raw is not None:
            asyncio.get_running_loop().remove_reader(raw)
            raw.close()

    def _read(self) -> None:
        for _ in range(RX_BURST_FRAMES):
            raw, host = self._socket, self._host
            if raw is None or host is None:
                return
            try:
                frame, control, _, address = raw.recvmsg(MAX_FRAME_BYTES, _CMSG_SPACE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._counters.rx_errors += 1
                if error.errno in _INTERFACE_GONE:
                    self._link_changed()
                return
            if address[2] == PACKET_OUTGOING:
                continue
            for level, kind, data in control:
                if level == SOL_PACKET and kind == PACKET_AUXDATA:
                    frame = _undo_offloads(frame, data)
            self._counters.rx_frames += 1
            self._counters.rx_bytes += len(frame)
            host.frame_received(self._number, frame)

    def _send(self, frame: bytes) -> None:
        if self._socket is None:
            self._counters.tx_errors += 1
            return
        try:
            self._socket.send(frame)
        except BlockingIOError:
            self._counters.tx_drops += 1
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                self._counters.tx_drops += 1
            else:
                self._counters.tx_errors += 1
        else:
            self._counters.tx_frames += 1
            self._counters.tx_bytes += len(frame)

    def _link_changed(self) -> None:
        """Read the interface afresh: report its state, and open it again when it is another one of the same name."""
        before, now = self._link, read_link(self._interface)
        if self._host is None or (now == before and self._socket is not None):
            return
        if before is None or now is None or now.index != before.index or self._socket is None:
            self._close()
            if now is not None:
                try:
                    self._socket = self._open(now)
                except OSError as error:
                    # Taken away again in between: the next link message tells.
                    log.warning("port not reopened", port=self._number, interface=self._interface, error=str(error))
                    now = None
        self._link = now
        is_up = now is not None and now.is_up
        if is_up == (before is not None and before.is_up):
            return
        log.info("port state", port=self._number, interface=self._interface, is_up=is_up)
        self._host.port_state_changed(self._number, is_up=is_up)


def _undo_offloads(frame: bytes, auxdata: bytes) -> bytes:
    status, _, _, _, _, tci, tpid = _AUXDATA.unpack_from(auxdata)
    if status & TP_STATUS_CSUMNOTREADY:
        frame = complete_checksum(frame)
    if status & TP_STATUS_VLAN_VALID:
        frame = restore_vlan_tag(frame, tpid if status & TP_STATUS_VLAN_TPID_VALID else ETHERTYPE_VLAN, tci)
    return frame
