# SPDX-License-Identifier: Apache-2.0
import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.status import StatusError

WIDTHS = st.integers(1, 160)


@given(st.data(), WIDTHS)
def test_unsigned_round_trip_is_canonical(data, width):
    value = data.draw(st.integers(0, (1 << width) - 1))
    encoded = bytestring.encode(value)
    assert bytestring.decode(encoded, width, "field") == value
    assert len(encoded) == 1 or encoded[0] != 0
    padding = data.draw(st.integers(0, 4))
    assert bytestring.decoder(width, "field")(bytes(padding) + encoded) == value


@given(st.data(), WIDTHS)
def test_signed_round_trip_is_canonical(data, width):
    value = data.draw(st.integers(-(1 << (width - 1)), (1 << (width - 1)) - 1))
    encoded = bytestring.encode_signed(value)
    assert bytestring.decode_signed(encoded, width, "field") == value
    assert len(encoded) == 1 or encoded[0] not in (0, 0xFF) or (encoded[0] ^ encoded[1]) & 0x80
    sign = b"\xff" if value < 0 else b"\0"
    assert bytestring.decode_signed(sign * data.draw(st.integers(0, 4)) + encoded, width, "field") == value


# The examples of the specification.
@pytest.mark.parametrize(
    ("width", "value", "data"),
    [(8, 99, b"\x63"), (16, 99, b"\x00\x63"), (16, 12388, b"\x00\x30\x64"), (12, 99, b"\x00\x00\x63")],
)
def test_accepts_what_the_specification_accepts(width, value, data):
    assert bytestring.decode(data, width, "field") == value


@pytest.mark.parametrize(
    ("width", "value", "data"),
    [(8, -99, b"\xff\x9d"), (12, -739, b"\xfd\x1d"), (16, 0, b"\0\0"), (8, 99, b"\x63")],
)
def test_accepts_signed_values_of_the_specification(width, value, data):
    assert bytestring.decode_signed(data, width, "field") == value


@pytest.mark.parametrize(
    ("width", "data"),
    [(8, b"\x01\x63"), (8, b""), (16, b"\x01\x00\x63"), (12, b"\x10\x63"), (12, b"\x00\x40\x63"), (1, b"\x02")],
)
def test_refuses_what_the_specification_refuses(width, data):
    for decode in (bytestring.decode, lambda data, width, what: bytestring.decoder(width, what)(data)):
        with pytest.raises(StatusError, match="table t: match field f") as caught:
            decode(data, width, "table t: match field f")
        assert caught.value.code is StatusCode.OUT_OF_RANGE


@pytest.mark.parametrize(("width", "data"), [(8, b"\x00\x9d"), (12, b"\x8d\x1d"), (16, b"")])
def test_refuses_signed_values_of_the_specification(width, data):
    with pytest.raises(StatusError) as caught:
        bytestring.decode_signed(data, width, "cell")
    assert caught.value.code is StatusCode.OUT_OF_RANGE
