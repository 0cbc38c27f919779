# SPDX-License-Identifier: Apache-2.0
"""Counters, meters, registers, hashes, checksums, random numbers, messages."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import InvalidEntryError
from softswitch.runtime import MeterConfig, Switch
from softswitch.runtime.externs import MeterState
from softswitch.runtime.hashes import ALGORITHMS

LAYOUT = struct.Struct(">HIHHQHIHHIBBB6s")


@dataclass
class Report:
    crc16: int
    crc32: int
    csum16: int
    xor16: int
    identity: int
    crc16_custom: int
    crc32_custom: int
    bounded: int
    dice: int
    previous: int
    colour: int
    checksum_error: int
    branch: int
    timestamp: bytes
    sent: bytes


def ones_complement(data: bytes) -> int:
    """RFC 1071, one word after the other."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for (word,) in struct.iter_unpack(">H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp_frame(src_mac: int = 5, dst_mac: int = 0, payload: bytes = b"data", ttl: int = 64) -> bytes:
    ethernet = dst_mac.to_bytes(6, "big") + src_mac.to_bytes(6, "big") + b"\x08\0"
    addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2])
    length = 8 + len(payload)
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 1, 0, ttl, 17, 0)
    checksum = ones_complement(header + addresses)
    header = header[:10] + checksum.to_bytes(2, "big") + addresses
    pseudo = addresses + struct.pack(">BBH", 0, 17, length)
    udp = struct.pack(">HHH", 1000, 2000, length)
    return ethernet + header + udp + ones_complement(pseudo + udp + payload).to_bytes(2, "big") + payload


@pytest.fixture
def switch(make_switch: Callable[[str], Switch]) -> Switch:
    return make_switch("externs")


def run(switch: Switch, frame: bytes, port: int = 0) -> Report:
    ((_, sent),) = switch.process(port, frame)
    return Report(*LAYOUT.unpack(sent[: LAYOUT.size]), sent[LAYOUT.size :])


CHECK = b"123456789"


@pytest.mark.parametrize(
    ("name", "data", "result"),
    [
        ("crc16", CHECK, 0xBB3D),
        ("crc16_custom", CHECK, 0xBB3D),
        ("crc32", CHECK, 0xCBF43926),
        ("crc32_custom", CHECK, 0xCBF43926),
        ("crcCCITT", CHECK, 0x29B1),
        ("crc8_custom", CHECK, 0xF4),
        ("crc64_custom", CHECK, 0x46A5A9388A5BEFFE),
        ("csum16", b"", 0xFFFF),
        ("csum16", b"\0\0", 0xFFFF),
        ("csum16", b"\xff\xff", 0),
        ("csum16", b"\1", 0xFEFF),
        ("xor16", b"\1\2\3\4\5", 0x0706),
        ("xor32", b"\1\2\3\4\5", 0x04020304),
        ("identity", b"\1\2\3", 0x010203),
        ("identity", b"\1\2\3\4\5\6\7\x08\x09", 0x0102030405060708),
    ],
)
def test_algorithm(name: str, data: bytes, result: int) -> None:
    assert ALGORITHMS[name]()(data) == result


@given(st.binary(max_size=80))
def test_checksum_equals_word_by_word_sum(data: bytes) -> None:
    assert ALGORITHMS["csum16"]()(data) == ones_complement(data)


@given(st.binary(max_size=40))
def test_crc16_equals_bit_by_bit_division(data: bytes) -> None:
    remainder = 0
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0xA001 if remainder & 1 else 0)
    assert ALGORITHMS["crc16"]()(data) == remainder


def test_round_robin_counts_per_place_of_use() -> None:
    first, second = ALGORITHMS["round_robin"](), ALGORITHMS["round_robin"]()
    assert [first(b""), first(b""), second(b"")] == [0, 1, 0]


def test_hashes_of_fields(switch: Switch) -> None:
    report = run(switch, udp_frame(src_mac=0x010203040506))
    mac, address = bytes([1, 2, 3, 4, 5, 6]), bytes([10, 0, 0, 1])
    assert report.crc16 == ALGORITHMS["crc16"]()(mac + address)
    assert report.crc32 == zlib.crc32(mac + address + bytes([5 << 5])), "three bits are padded at the end"
    assert report.csum16 == ones_complement(mac + address)
    assert report.xor16 == 0x0102 ^ 0x0304 ^ 0x0506 ^ 0x0A00 ^ 0x0001
    assert report.identity == 0x010203040506
    assert report.bounded == 100 + zlib.crc32(mac) % 10


def test_checksums_are_verified_and_updated(switch: Switch) -> None:
    good = udp_frame(ttl=64, payload=b"odd")
    report = run(switch, good)
    assert report.checksum_error == 0
    assert report.sent == udp_frame(ttl=63, payload=b"odd")
    bad_header = bytearray(good)
    bad_header[30] ^= 1
    assert run(switch, bytes(bad_header)).checksum_error == 1
    bad_payload = bytearray(good)
    bad_payload[-1] ^= 1
    assert run(switch, bytes(bad_payload)).checksum_error == 1
    unchecked = good[:40] + b"\0\0" + good[42:]
    assert run(switch, unchecked).checksum_error == 0, "the condition excludes a UDP checksum of 0"


@given(payload=st.binary(max_size=60), ttl=st.integers(1, 255))
def test_updated_checksums_are_right(load_program: Callable[[str], object], payload: bytes, ttl: int) -> None:
    switch = load_program("externs").instantiate()
    assert run(switch, udp_frame(payload=payload, ttl=ttl)).sent == udp_frame(payload=payload, ttl=ttl - 1)


def test_counter(switch: Switch) -> None:
    counter = switch.counters["TheIngress.per_port"]
    frame = udp_frame()
    run(switch, frame, port=3)
    run(switch, frame, port=3)
    run(switch, frame, port=200)
    assert counter.read(3) == (2, 2 * len(frame))
    assert sum(counter.packets) == 2, "a port beyond the array counts nowhere"
    counter.write(3, 7, 70)
    assert counter.read(3) == (7, 70)
    with pytest.raises(InvalidEntryError, match=r"index 8 is outside 0\.\.7"):
        counter.read(8)


def test_register(switch: Switch) -> None:
    register = switch.registers["TheIngress.last_length"]
    register.write(2, 99)
    frame = udp_frame()
    assert run(switch, frame, port=2).previous == 99
    assert run(switch, frame, port=2).previous == len(frame)
    assert run(switch, frame, port=100).previous == 0
    with pytest.raises(InvalidEntryError):
        register.write(2, 1 << 32)


def test_meter_colours(switch: Switch, clock: object) -> None:
    meter = switch.meters["TheIngress.per_class"]
    frame = udp_frame(dst_mac=1)
    assert run(switch, frame).colour == 0, "green as long as nothing is configured"
    size = len(frame)
    meter.configure(1, MeterConfig(size, size, 2 * size, 3 * size))
    assert [run(switch, frame).colour for _ in range(5)] == [0, 1, 1, 2, 2]
    clock.now_us += 1_000_000
    assert [run(switch, frame).colour for _ in range(4)] == [0, 1, 2, 2]
    meter.configure(1, None)
    assert run(switch, frame).colour == 0
    assert meter.read(1) is None


@given(
    rates=st.tuples(st.integers(0, 2000), st.integers(0, 2000)).map(sorted),
    bursts=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    gaps=st.lists(st.integers(0, 5000), min_size=1, max_size=60),
)
def test_meter_never_passes_more_than_rate_and_burst(
    rates: list[int], bursts: tuple[int, int], gaps: list[int]
) -> None:
    meter = MeterState()
    meter.configure(MeterConfig(rates[0], bursts[0], rates[1], bursts[1]), 0)
    now = green = not_red = 0
    for gap in gaps:
        now += gap
        colour = meter.execute(1, now)
        green += colour == 0
        not_red += colour != 2
        assert green <= bursts[0] + now * rates[0] / 1e6
        assert not_red <= bursts[1] + now * rates[1] / 1e6


def test_random_stays_in_range_and_repeats_with_its_seed(load_program: Callable[[str], object]) -> None:
    frame = udp_frame()
    rolls = [[run(switch, frame).dice for _ in range(60)] for switch in make_pair(load_program)]
    assert rolls[0] == rolls[1]
    assert set(rolls[0]) == {1, 2, 3, 4, 5, 6}


def make_pair(load_program: Callable[[str], object]) -> list[Switch]:
    return [load_program("externs").instantiate(seed=4) for _ in range(2)]


@pytest.mark.parametrize(
    ("src", "dst", "branch"), [(1, 0, 0x11), (1, 1, 0x12), (2, 0, 3), (2, 1, 3), (3, 0, 0x14), (0, 1, 0x14)]
)
def test_branches_inside_an_action(switch: Switch, src: int, dst: int, branch: int) -> None:
    assert run(switch, udp_frame(src_mac=src, dst_mac=dst)).branch == branch


def test_timestamp_counts_from_the_start_of_the_switch(switch: Switch, clock: object) -> None:
    clock.now_us += 1234
    assert int.from_bytes(run(switch, udp_frame()).timestamp, "big") == 1234


def test_messages(switch: Switch) -> None:
    messages: list[str] = []
    run(switch, udp_frame())
    switch.on_log = messages.append
    frame = udp_frame(src_mac=0xDEAD)
    run(switch, frame, port=4)
    assert messages[0] == f"port 4 length {len(frame)}"
    assert messages[1].startswith("assert failed in line ")
    assert len(messages) == 2
