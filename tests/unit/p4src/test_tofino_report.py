# SPDX-License-Identifier: Apache-2.0
import pytest

from .pipeline_files import P4SRC, load_p4info, load_script

report = load_script("tofino_report")

ASSEMBLY = """\
stage 0 ingress:
  exact_match _ports_0 0:
    p4: { name: .ports, size: 512 }
  ternary_match tbl_main1 1:
    p4: { name: tbl_main1, hidden: true }
stage 1 ingress:
  exact_match _hosts_0 0:
    p4: { name: .hosts, size: 65536 }

stage 12 ingress:
  exact_match _hosts_1 0:
    p4: { name: .hosts, size: 65536 }
stage 3 egress:
  exact_match _neighbors_0 0:
    p4: { name: .neighbors, size: 512 }
"""


def test_stages_are_counted_from_zero() -> None:
    assert report.stages(ASSEMBLY) == {"ingress": 13, "egress": 4}


def test_table_in_several_stages_is_shown_in_all() -> None:
    assert report.placement(ASSEMBLY, ["ports", "hosts", "neighbors"]) == {
        "ports": ("ingress", [0]),
        "hosts": ("ingress", [1, 12]),
        "neighbors": ("egress", [3]),
    }


STAGE = {
    "rams": {
        "srams": [
            {"usages": [{"used_by": "hosts"}]},
            {"usages": [{"used_by": "hosts$action"}, {"used_by": "ports"}]},
            {"usages": []},
        ]
    },
    "tcams": {"tcams": [{"usages": [{"used_by": "ports"}]}]},
    "hash_bits": {"bits": [{"used_by_table": "hosts"}, {"used_by_table": "hosts"}]},
    "meter_alus": {"meters": []},
    "statistic_alus": {"stats": [{"used_by": "ports"}]},
    "vliw": {"instructions": [{"color_usages": [{"usages": [{"used_by": "hosts"}]}]}]},
}
RESOURCES = {"resources": {"mau": {"mau_stages": [STAGE, STAGE]}}}


def test_usage_is_added_up_over_stages_and_shared_blocks_count_once_in_the_sum() -> None:
    tables, total = report.usage(RESOURCES)
    assert tables["hosts"] == report.Usage(sram=4, hash_bits=4, actions=2)
    assert tables["ports"] == report.Usage(sram=2, tcam=2, counters=2)
    assert total == report.Usage(sram=4, tcam=2, hash_bits=4, counters=2, actions=2)


def test_text_says_what_the_assembler_says() -> None:
    text = report.render(ASSEMBLY, {"hosts": 65536}, "tofino supports up to 12 stages, using 13", RESOURCES, "power")
    assert text.startswith("Tofino 1: does not fit.")
    assert "ingress   13 / 12" in text
    assert "assembler: tofino supports up to 12 stages, using 13" in text
    assert "SRAM blocks: 4 / 960, TCAM blocks: 2 / 288" in text
    assert "hosts                   65536     4    0    4   2  ingress    1, 12\n" in text


def test_a_program_without_containers_names_what_is_left_out() -> None:
    said = f"error: {report.NO_ALLOCATION}\n2 left:\n    egress::meta.a<16b>[14:0]\n    ingress::meta.b<1b>\n\n"
    text = report.render_failure(said)
    assert text.startswith("Tofino 1: does not fit.")
    assert "left out: 2 slices" in text
    assert "  egress::meta.a<16b>[14:0]\n  ingress::meta.b<1b>\n" in text


def test_checked_in_report_places_every_table_and_the_pages_say_whether_it_fits() -> None:
    sizes = {table.preamble.name: table.size for table in load_p4info("tna").tables}
    text = (P4SRC / "build/tna/resources.txt").read_text()
    for page in ("docs/STATUS.md", "README.md"):
        is_said_to_fit = "does not fit a Tofino yet" not in (P4SRC.parent / page).read_text()
        assert is_said_to_fit == text.startswith("Tofino 1: fits."), page
    if report.NO_ALLOCATION in text:
        return
    rows = {line.split()[0]: line.split()[1:] for line in text.split("stages\n")[-1].splitlines()}
    assert {name: int(row[0]) for name, row in rows.items()} == sizes
    assert all(row[5] in ("ingress", "egress") for row in rows.values())


def test_power_is_reported_with_the_rate_of_packets_that_it_is_for() -> None:
    said = "error: Power worst case estimated budget (40.00W) exceeded by 5.56W.\n  Too many memories"
    at = "power at worst, with 91 % of the packets that the chip can take: "
    assert report.power(said, 91) == at + "budget (40.00W) exceeded by 5.56W"
    assert report.power("0 errors", 91) == at + "within its budget"
    assert at in report.render(ASSEMBLY, {}, "fits", RESOURCES, report.power(said, 91))


def test_what_the_assembler_refuses_does_not_fit_however_few_stages_it_has() -> None:
    assembly = "stage 0 ingress:\n  p4: { name: hosts }\n"
    assert report.render(assembly, {}, "fits", RESOURCES, "").startswith("Tofino 1: fits.")
    assert report.render(assembly, {}, "bad instruction", RESOURCES, "").startswith("Tofino 1: does not fit.")


PARSER = """parser ingress:
  states:
    $init_match:
      *:
        next: start
    start:
      match: [ half, byte0 ]
      0x080011:
        next: end
      0b****0000********:
        next: end
      0x******:
        next: end
deparser ingress:
  dictionary:
"""


def test_parser_rows_are_counted() -> None:
    assert report.parser_rows(PARSER) == {"ingress": 4}
    assert "parser rows, ingress: 4 / 256" in report.render(PARSER + ASSEMBLY, {}, "fits", RESOURCES, "")


def test_a_parser_that_compares_nothing_is_refused() -> None:
    lost = PARSER.replace("      match: [ half, byte0 ]\n", "")
    with pytest.raises(ValueError, match="parser of ingress compares"):
        report.parser_rows(lost)
    with pytest.raises(ValueError, match="parser of ingress compares"):
        report.parser_rows(lost.replace("start:", "start:\n      match: [ ctr_neg, ctr_zero ]"))
