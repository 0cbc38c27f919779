# SPDX-License-Identifier: Apache-2.0
"""Reading YAML: every mistake is found, told well, and found at once; nothing else is taken for a mistake."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.errors import IntentError, Problem
from p4vpc.intent import (
    KINDS,
    Intent,
    Mac,
    Port,
    SwitchAttachment,
    Tenant,
    Vpc,
    dump_yaml,
    load_yaml,
    read_yaml,
    to_document,
)

EXAMPLE = Path(__file__).parents[4] / "topo" / "examples" / "two-tenants.yaml"

PORT = """\
kind: port
tenant: red
vpc: prod
name: web-1
subnet: web
mac: 02:00:00:00:01:01
addresses: [10.0.1.11]
"""


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers must do: not every installation has the one in C."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without LibYAML")
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param == "libyaml")


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(IntentError) as caught:
        load_yaml(text, "test.yaml")
    return caught.value.problems


def only_problem_of(text: str | bytes) -> Problem:
    problems = problems_of(text)
    assert len(problems) == 1, problems
    return problems[0]


def test_the_example_reads_and_survives_a_round_trip() -> None:
    text = EXAMPLE.read_text()
    intents = load_yaml(text, "example")
    assert [to_document(intent) for intent in intents] == [d for d in yaml.safe_load_all(text) if d is not None]
    assert load_yaml(dump_yaml(intents), "again") == intents


def test_exact_types() -> None:
    (port,) = load_yaml(PORT + "attachment: {switch: leaf1, port: 11, vlan: 7}\n", "x")
    assert isinstance(port, Port)
    assert port.mac == Mac(0x020000000101)
    assert port.addresses == (IPv4Address("10.0.1.11"),)
    assert port.attachment == SwitchAttachment(switch="leaf1", port=11, vlan=7)
    assert port.key == "red/prod/web-1"


def test_five_mistakes_are_reported_at_once_with_object_field_line_and_remedy() -> None:
    text = (
        PORT.replace("subnet:", "subnt:").replace("10.0.1.11", "10.0.1.256")
        + "---\nkind: prot\nname: x\n---\nkind: tenant\nname: Red\n---\nkind: vpc\ntenant: red\n"
    )
    found = [(p.object, p.field, p.source) for p in problems_of(text)]
    assert sorted(found) == sorted(
        [
            ("port red/prod/web-1", "subnet", "test.yaml, document 1, line 1"),
            ("port red/prod/web-1", "subnt", "test.yaml, document 1, line 5"),
            ("port red/prod/web-1", "addresses[0]", "test.yaml, document 1, line 7"),
            ("prot x", "kind", "test.yaml, document 2, line 9"),
            ("tenant Red", "name", "test.yaml, document 3, line 13"),
            ("vpc red/?", "name", "test.yaml, document 4, line 15"),
        ]
    )
    remedies = {p.field: p.remedy for p in problems_of(text)}
    assert remedies["subnt"] == "did you mean subnet?"
    assert remedies["kind"] == "did you mean port or route?"
    assert all(p.remedy for p in problems_of(text))


@pytest.mark.parametrize(
    ("text", "field", "message", "remedy"),
    [
        pytest.param(
            "kind: tenant\nname: a\nname: b\n", "name", "given twice, first on line 2", "once", id="key-twice"
        ),
        pytest.param("- 1\n", "", "not a mapping", "kind:", id="list"),
        pytest.param("just text\n", "", "not a mapping", "kind:", id="scalar"),
        pytest.param("name: a\n", "kind", "missing", "fabric, switch", id="no-kind"),
        pytest.param("kind: [tenant]\nname: a\n", "kind", "no kind", "", id="kind-is-a-list"),
        pytest.param("kind: tenant\nname: true\n", "name", "true is not a name", "quotes", id="boolean-name"),
        pytest.param("kind: tenant\nname: 12\n", "name", "12 is not a name", "quotes", id="number-name"),
        pytest.param("kind: tenant\nname:\n", "name", "nothing is not a name", "", id="empty-name"),
        pytest.param("kind: tenant\nname: -a\n", "name", "not a name", "hyphens", id="hyphen-first"),
        pytest.param(f"kind: tenant\nname: {'a' * 64}\n", "name", "not a name", "63", id="long-name"),
        pytest.param("kind: tenant\nname: !!python/name:os.system a\n", "name", "tag", "remove", id="python-tag"),
        pytest.param("kind: tenant\nname: *x\n", "name", "no anchor", "&x", id="alias-without-anchor"),
        pytest.param("kind: tenant\nname: a\n<<: {x: 1}\n", "", "merge keys", "write", id="merge-key"),
        pytest.param("kind: tenant\nname: a\n1: b\n", "", "name is 1, not a string", "", id="number-as-key"),
        pytest.param("kind: tenant\nname: a\n? [x]\n: b\n", "", "used as a field's name", "", id="list-as-key"),
        pytest.param("kind: tenant\n\tname: a\n", "", "tab", "spaces", id="tab"),
        pytest.param("kind: tenant\nname: a: b\n", "", "not YAML", "", id="two-colons"),
        pytest.param("kind: tenant\nname: [\n", "", "not YAML", "", id="open-list"),
        pytest.param("kind: tenant\nname: a\x07\n", "", "control character", "", id="bell"),
        pytest.param(b"kind: tenant\nname: \xff\n", "", "byte 0xff is not UTF-8", "UTF-8", id="latin-1"),
        pytest.param("kind: fabric\ntenant_mtu: no\n", "tenant_mtu", "'no' is not a whole", "", id="no-is-no-number"),
        pytest.param("kind: fabric\ntenant_mtu: 0x5dc\n", "tenant_mtu", "whole number", "", id="hexadecimal"),
        pytest.param("kind: fabric\ntenant_mtu: 01500\n", "tenant_mtu", "whole number", "", id="leading-zero"),
        pytest.param("kind: fabric\ntenant_mtu: 1e3\n", "tenant_mtu", "whole number", "", id="float"),
        pytest.param("kind: fabric\ntenant_mtu: 1500.0\n", "tenant_mtu", "whole number", "", id="fraction"),
        pytest.param(f"kind: fabric\ntenant_mtu: {'9' * 5000}\n", "tenant_mtu", "whole", "", id="5000-digits"),
        pytest.param("kind: fabric\ntenant_mtu: 99999\n", "tenant_mtu", "too large", "at most 9166", id="large"),
        pytest.param("kind: fabric\ntenant_mtu: -5\n", "tenant_mtu", "too small", "at least 576", id="small"),
        pytest.param("kind: fabric\nvni_range: [9, 5]\n", "vni_range", "backwards", "[5, 9]", id="backwards"),
        pytest.param(PORT + "attachment: leaf1\n", "attachment", "not a mapping", "", id="attachment-is-text"),
        pytest.param(PORT + "attachment: {vtep: leaf1}\n", "attachment.vtep", "not an IP address", "", id="vtep"),
        pytest.param(PORT + "security_groups: [a, a]\n", "security_groups", "a is given twice", "once", id="twice"),
        pytest.param(PORT + "security_groups: web\n", "security_groups", "not a list", "", id="no-list"),
        pytest.param(PORT.replace("[10.0.1.11]", "[]"), "addresses", "too few", "at least 1", id="no-address"),
        pytest.param(PORT.replace("10.0.1.11", "224.0.0.1"), "addresses[0]", "one host", "", id="multicast"),
        pytest.param(PORT.replace("10.0.1.11", "10.0.1.011"), "addresses[0]", "not an IP", "", id="octal-address"),
        pytest.param(PORT.replace("02:00:00:00:01:01", "01:00:00:00:01:01"), "mac", "unicast", "even", id="group-mac"),
        pytest.param(PORT.replace("02:00:00:00:01:01", "112233445566"), "mac", "number", "quotes", id="mac-is-int"),
    ],
)
def test_one_mistake(text: str | bytes, field: str, message: str, remedy: str) -> None:
    problem = only_problem_of(text)
    assert problem.field == field
    assert message in problem.message
    assert remedy in problem.remedy
    assert problem.source.startswith("test.yaml, document 1, line ")


@pytest.mark.parametrize("mac", ["10:20:30:40:50:50", "02:00:00:00:00:01", "'02:00:00:00:00:01'"])
def test_a_mac_that_yaml_11_takes_for_a_number_to_base_60_is_a_mac(mac: str) -> None:
    (port,) = load_yaml(PORT.replace("02:00:00:00:01:01", mac), "x")
    assert isinstance(port, Port)
    assert str(port.mac) == mac.strip("'")


@pytest.mark.parametrize("name", ["no", "on", "y", "null-1", "1e3", "0x10", "2026-01-01"])
def test_names_that_yaml_11_takes_for_something_else_are_names_and_are_quoted_when_written(name: str) -> None:
    (tenant,) = load_yaml(f"kind: tenant\nname: {name}\n", "x")
    assert isinstance(tenant, Tenant)
    assert tenant.name == name
    assert yaml.safe_load(dump_yaml([tenant]))["name"] == name


def test_an_alias_bomb_is_refused_without_being_expanded() -> None:
    lines = ["kind: tenant", "name: a", "a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]" for i in range(12)]
    problems = problems_of("\n".join(lines))
    assert any("aliases make the document too large" in problem.message for problem in problems)


def test_a_loop_of_aliases_is_a_mistake() -> None:
    problem = problems_of("kind: tenant\nname: a\ndescription: &a [*a]\n")[0]
    assert (problem.field, problem.message) == ("description[0]", "the alias *a contains itself")


@pytest.mark.parametrize("text", ["[" * 999 + "]" * 999, "{a: " * 999 + "}" * 999, "- " * 999 + "x"])
def test_depth_is_bounded(text: str) -> None:
    assert "nested more than 64 deep" in problems_of(text)[0].message


def test_modest_aliases_are_fine() -> None:
    port = PORT.replace("[10.0.1.11]", "&a [10.0.1.11]")
    assert load_yaml(port.replace("web\n", "&s web\n") + "security_groups: [*s]\n", "x")


def test_a_mistake_of_syntax_costs_its_own_document_only() -> None:
    text = "kind: tenant\nname: a\n---\nname: [\n---\nkind: tenat\nname: b\n---\nkind: tenant\nname: c\n"
    reading = read_yaml(text, "test.yaml")
    assert [str(intent) for intent in reading.intents] == ["tenant a", "tenant c"]
    assert [problem.source for problem in reading.problems] == [
        "test.yaml, document 2, line 5",
        "test.yaml, document 3, line 6",
    ]


def test_a_mistake_of_syntax_does_not_hide_mistakes_of_shape_in_its_document() -> None:
    problems = problems_of("kind: tenant\nname: A\nname: b\nx: 1\n")
    assert {(problem.field, problem.message) for problem in problems} == {
        ("name", "given twice, first on line 2"),
        ("x", "is not a field here"),
    }


def test_an_object_defined_twice_names_the_first_place() -> None:
    reading = read_yaml("kind: tenant\nname: a\n---\nkind: tenant\nname: a\n", "test.yaml")
    assert reading.intents == ()
    assert [(p.object, p.source) for p in reading.problems] == [("tenant a", "test.yaml, document 2, line 4")]
    assert "document 1, line 1" in reading.problems[0].message


def test_empty_documents_comments_byte_order_mark_and_crlf_are_no_mistakes() -> None:
    text = "\ufeff# hello\n---\n---\n# nothing\n---\nkind: tenant\nname: a\n...\n---\nkind: tenant\nname: B\n"
    reading = read_yaml(text.replace("\n", "\r\n").encode(), "test.yaml")
    assert [str(intent) for intent in reading.intents] == ["tenant a"]
    assert [p.source for p in reading.problems] == ["test.yaml, document 2, line 11"]
    assert load_yaml("", "x") == load_yaml("# only a comment\n", "x") == []


FIELDS = ("x", *sorted({field for intent in KINDS.values() for field in intent.model_fields}))

_any_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_text_raises_anything_but_intent_errors(text: str | bytes) -> None:
    try:
        load_yaml(text, "x")
    except IntentError as error:
        assert error.problems
        assert str(error).replace("\n", "").isprintable()


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(FIELDS),
        _any_value,
    ),
)
def test_no_document_raises_anything_but_intent_errors(kind: str, fields: dict[str, object]) -> None:
    try:
        load_yaml(yaml.safe_dump({"kind": kind, **fields}), "x")
    except IntentError as error:
        assert all(problem.message for problem in error.problems)
        assert str(error).replace("\n", "").isprintable()


_name = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


_text = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.just("\n") | st.sampled_from("\xa0é:#'"), max_size=20
)
_text = _text.filter(lambda text: all(character.isprintable() or character == "\n" for character in text))


@st.composite
def _ports(draw: st.DrawFn) -> Intent:
    addresses = draw(st.lists(st.integers(0x0A000001, 0x0AFFFFFE), min_size=1, max_size=4, unique=True))
    document: dict[str, object] = {
        "kind": "port",
        **{field: draw(_name) for field in ("tenant", "vpc", "name", "subnet")},
        "mac": str(Mac(draw(st.integers(1, 0xFFFFFFFFFFFF)) & ~(1 << 40) | 2)),
        "addresses": [str(IPv4Address(address)) for address in addresses],
    }
    if draw(st.booleans()):
        document["security_groups"] = draw(st.lists(_name, max_size=3, unique=True))
    if draw(st.booleans()):
        document["attachment"] = {"switch": draw(_name), "port": draw(st.integers(0, 509))}
    return Port.model_validate(document)


@given(st.lists(_ports() | st.builds(Vpc, tenant=_name, name=_name, description=_text), max_size=3))
def test_round_trip(intents: list[Intent]) -> None:
    distinct = list({intent.id: intent for intent in intents}.values())
    assert load_yaml(dump_yaml(distinct), "x") == distinct
