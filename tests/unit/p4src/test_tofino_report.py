# SPDX-License-Identifier: Apache-2.0
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


def test_text_says_what_the_assembler_says() -> None:
    text = report.render(ASSEMBLY, ["hosts"], "tofino supports up to 12 stages, using 13")
    assert "ingress   13 / 12" in text
    assert "assembler: tofino supports up to 12 stages, using 13" in text
    assert "hosts                  ingress    1, 12\n" in text


def test_a_program_without_containers_names_what_is_left_out() -> None:
    said = f"error: {report.NO_ALLOCATION}\n2 left:\n    egress::meta.a<16b>[14:0]\n    ingress::meta.b<1b>\n\n"
    text = report.render_failure(said)
    assert text.startswith("Tofino 1: does not fit.")
    assert "left out: 2 slices" in text
    assert "  egress::meta.a<16b>[14:0]\n  ingress::meta.b<1b>\n" in text


def test_checked_in_report_places_every_table_or_the_status_says_that_it_does_not() -> None:
    tables = {table.preamble.name for table in load_p4info("tna").tables}
    text = (P4SRC / "build/tna/resources.txt").read_text()
    if report.NO_ALLOCATION in text:
        for page in ("docs/STATUS.md", "README.md"):
            assert "does not fit a Tofino yet" in (P4SRC.parent / page).read_text(), page
        return
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[6:]}
    assert rows.keys() == tables
    assert [table for table, (direction, *numbers) in rows.items() if direction == "-" or not numbers] == []
