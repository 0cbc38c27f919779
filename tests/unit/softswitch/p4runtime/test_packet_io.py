# SPDX-License-Identifier: Apache-2.0
import pytest
from finsy.proto import p4i, p4r
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from softswitch.p4runtime.packet_io import PacketHeader
from softswitch.p4runtime.status import StatusError


def header(*widths: int) -> PacketHeader:
    fields = [
        p4i.ControllerPacketMetadata.Metadata(id=number, name=f"m{number}", bitwidth=width)
        for number, width in enumerate(widths, 1)
    ]
    return PacketHeader("packet_out", fields)


def metadata(*values: int, first_id: int = 1) -> list[p4r.PacketMetadata]:
    return [
        p4r.PacketMetadata(metadata_id=number, value=value.to_bytes(4, "big"))
        for number, value in enumerate(values, first_id)
    ]


def test_fields_are_packed_from_the_highest_bit():
    assert header(9, 7, 8).pack(metadata(0x1FE, 0, 3)) == bytes([0xFF, 0x00, 0x03])


@given(st.data(), st.lists(st.integers(1, 32), max_size=8), st.binary(max_size=64))
def test_what_is_packed_unpacks_to_the_same_values(data, widths, payload):
    if sum(widths) % 8:
        widths.append(8 - sum(widths) % 8)
    values = [data.draw(st.integers(0, (1 << width) - 1)) for width in widths]
    head = header(*widths)
    packet = head.unpack(head.pack(metadata(*values)) + payload)
    assert packet.payload == payload
    assert [int.from_bytes(item.value, "big") for item in packet.metadata] == values
    assert all(len(item.value) == 1 or item.value[0] for item in packet.metadata)


def test_a_frame_shorter_than_the_header_is_no_packet_in():
    assert header(16).unpack(b"\x01") is None
    assert header().unpack(b"").payload == b""


@pytest.mark.parametrize(
    ("given_metadata", "code", "message"),
    [
        (metadata(1), StatusCode.INVALID_ARGUMENT, "metadata m2 is missing"),
        (metadata(1, 2, 3), StatusCode.INVALID_ARGUMENT, "no metadata with id 3"),
        ([*metadata(1, 2), *metadata(1)], StatusCode.INVALID_ARGUMENT, "m1 is given more than once"),
        (metadata(512, 2), StatusCode.OUT_OF_RANGE, "m1: value 0x200 does not fit in 9 bits"),
    ],
)
def test_wrong_metadata_is_refused(given_metadata, code, message):
    with pytest.raises(StatusError, match=message) as caught:
        header(9, 7).pack(given_metadata)
    assert caught.value.code is code


def test_padding_may_be_left_out():
    fields = [
        p4i.ControllerPacketMetadata.Metadata(id=1, name="port", bitwidth=9),
        p4i.ControllerPacketMetadata.Metadata(id=2, name="pad", bitwidth=7, annotations=["@padding"]),
    ]
    assert PacketHeader("packet_out", fields).pack(metadata(1)) == b"\x00\x80"
