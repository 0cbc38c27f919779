# SPDX-License-Identifier: Apache-2.0
import pytest
from finsy.proto import p4i, p4r
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from softswitch.p4runtime.match_codec import KeyCodec, field_codec
from softswitch.p4runtime.status import StatusError
from softswitch.runtime.entries import KeyField, MatchKind

KINDS = {
    "exact": p4i.MatchField.EXACT,
    "lpm": p4i.MatchField.LPM,
    "ternary": p4i.MatchField.TERNARY,
    "range": p4i.MatchField.RANGE,
    "optional": p4i.MatchField.OPTIONAL,
}


def codec_of(*fields: tuple[str, int], compiled_to: str | None = None) -> KeyCodec:
    """A codec for fields given as (kind, width); `compiled_to` is the kind that the program has instead."""
    codecs = []
    for number, (kind, width) in enumerate(fields, 1):
        info = p4i.MatchField(id=number, name=f"f{number}", bitwidth=width, match_type=KINDS[kind])
        codecs.append(field_codec(info, KeyField(f"f{number}", MatchKind(compiled_to or kind), width), "table t"))
    return KeyCodec(codecs, "table t")


def encode(codec: KeyCodec, key) -> list[p4r.FieldMatch]:
    entry = p4r.TableEntry()
    codec.encode(key, entry.match)
    return list(entry.match)


@st.composite
def match_value(draw, kind: str, width: int):
    top = (1 << width) - 1
    number = st.integers(0, top)
    if kind == "exact":
        return draw(number)
    if kind == "optional":
        return draw(st.none() | number)
    if kind == "range":
        return tuple(sorted((draw(number), draw(number))))
    if kind == "lpm":
        prefix_len = draw(st.integers(0, width))
        return draw(number) & (top ^ (top >> prefix_len)), prefix_len
    mask = draw(number)
    return draw(number) & mask, mask


FIELDS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 130)), min_size=1, max_size=5)


@given(st.data(), FIELDS)
def test_what_is_encoded_decodes_to_the_same_key(data, fields):
    codec = codec_of(*fields)
    key = tuple(data.draw(match_value(kind, width)) for kind, width in fields)
    matches = encode(codec, key)
    assert codec.decode(matches) == key
    assert codec.decode(list(reversed(matches))) == key
    assert encode(codec, codec.decode(matches)) == matches


@given(st.data(), FIELDS)
def test_padding_of_byte_strings_changes_nothing(data, fields):
    codec = codec_of(*fields)
    key = tuple(data.draw(match_value(kind, width)) for kind, width in fields)
    matches = encode(codec, key)
    for match in matches:
        inner = getattr(match, match.WhichOneof("field_match_type"))
        for name in ("value", "mask", "low", "high"):
            if hasattr(inner, name):
                setattr(inner, name, b"\0\0" + getattr(inner, name))
    assert codec.decode(matches) == key


def test_a_field_that_matches_everything_is_left_out():
    codec = codec_of(("exact", 8), ("lpm", 32), ("ternary", 8), ("range", 16), ("optional", 9))
    key = (0, (0, 0), (0, 0), (0, 0xFFFF), None)
    (only,) = encode(codec, key)
    assert only == p4r.FieldMatch(field_id=1, exact=p4r.FieldMatch.Exact(value=b"\0"))
    assert codec.decode([only]) == key


def test_an_optional_field_may_be_compiled_to_a_ternary_one():
    codec = codec_of(("optional", 9), compiled_to="ternary")
    message = p4r.FieldMatch(field_id=1, optional=p4r.FieldMatch.Optional(value=b"\x05"))
    assert codec.decode([message]) == ((5, 0x1FF),)
    assert encode(codec, ((5, 0x1FF),)) == [message]
    assert codec.decode([]) == ((0, 0),)
    assert encode(codec, ((0, 0),)) == []


def _exact(value, field_id=1):
    return p4r.FieldMatch(field_id=field_id, exact=p4r.FieldMatch.Exact(value=value))


def _lpm(value, prefix_len):
    return p4r.FieldMatch(field_id=1, lpm=p4r.FieldMatch.LPM(value=value, prefix_len=prefix_len))


def _ternary(value, mask):
    return p4r.FieldMatch(field_id=1, ternary=p4r.FieldMatch.Ternary(value=value, mask=mask))


def _range(low, high):
    return p4r.FieldMatch(field_id=1, range=p4r.FieldMatch.Range(low=low, high=high))


@pytest.mark.parametrize(
    ("kind", "matches", "code", "message"),
    [
        ("exact", [], StatusCode.INVALID_ARGUMENT, "f1 is missing"),
        ("exact", [_exact(b"\x01"), _exact(b"\x01")], StatusCode.INVALID_ARGUMENT, "f1 is given more than once"),
        (
            "exact",
            [_exact(b"\x01", 9)],
            StatusCode.INVALID_ARGUMENT,
            r"no match field with id 9; its fields are 1 \(f1\)",
        ),
        ("exact", [_exact(b"\x01\x00")], StatusCode.OUT_OF_RANGE, "f1: value 0x100 does not fit in 8 bits"),
        ("exact", [_exact(b"")], StatusCode.OUT_OF_RANGE, "f1: the byte string is empty"),
        ("exact", [p4r.FieldMatch(field_id=1)], StatusCode.INVALID_ARGUMENT, "no match value"),
        (
            "exact",
            [_ternary(b"\x01", b"\x01")],
            StatusCode.INVALID_ARGUMENT,
            "matched exact, but the message has ternary",
        ),
        ("lpm", [_exact(b"\x01")], StatusCode.INVALID_ARGUMENT, "matched lpm, but the message has exact"),
        ("lpm", [_lpm(b"\0", 0)], StatusCode.INVALID_ARGUMENT, "leave the field out"),
        ("lpm", [_lpm(b"\0", 9)], StatusCode.INVALID_ARGUMENT, "prefix_len is 1 to 8, not 9"),
        ("lpm", [_lpm(b"\0", -1)], StatusCode.INVALID_ARGUMENT, "prefix_len is 1 to 8, not -1"),
        ("lpm", [_lpm(b"\x81", 4)], StatusCode.INVALID_ARGUMENT, "beyond its prefix"),
        ("ternary", [_ternary(b"\0", b"\0")], StatusCode.INVALID_ARGUMENT, "leave the field out"),
        ("ternary", [_ternary(b"\x03", b"\x01")], StatusCode.INVALID_ARGUMENT, "outside the mask"),
        ("ternary", [_ternary(b"\x03", b"\x01\x01")], StatusCode.OUT_OF_RANGE, "does not fit in 8 bits"),
        ("range", [_range(b"\x05", b"\x04")], StatusCode.INVALID_ARGUMENT, "low bound 5 is above the high bound 4"),
        ("range", [_range(b"\x00", b"\xff")], StatusCode.INVALID_ARGUMENT, "leave the field out"),
        ("optional", [_exact(b"\x01")], StatusCode.INVALID_ARGUMENT, "matched optional"),
    ],
)
def test_a_wrong_match_is_refused_with_its_field_and_reason(kind, matches, code, message):
    with pytest.raises(StatusError, match=message) as caught:
        codec_of((kind, 8)).decode(matches)
    assert caught.value.code is code
    assert caught.value.message.startswith("table t: ")
