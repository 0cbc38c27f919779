# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/pipeline.md say what the pipeline is."""

import pytest

from .pipeline_files import P4SRC, load_script

page_script = load_script("tables_page")


def test_the_page_is_up_to_date() -> None:
    page = page_script.PAGE.read_text()
    assert page_script.render(page, page_script.Sources.read(P4SRC)) == page


def test_every_table_says_what_it_is_written_for() -> None:
    sources = page_script.Sources.read(P4SRC)
    assert {table.preamble.name for table in sources.info.tables} == set(sources.comments)


def test_a_table_that_is_not_shown_is_named() -> None:
    sources = page_script.Sources.read(P4SRC)
    page = page_script.PAGE.read_text().replace("tables: policy, ", "tables: ")
    with pytest.raises(page_script.PageError, match="shows no policy"):
        page_script.render(page, sources)


def test_a_table_that_is_not_there_is_named() -> None:
    sources = page_script.Sources.read(P4SRC)
    page = page_script.PAGE.read_text().replace("tables: policy, ", "tables: policies, policy, ")
    with pytest.raises(page_script.PageError, match="asks for the table policies"):
        page_script.render(page, sources)


def test_a_stale_row_is_found() -> None:
    sources = page_script.Sources.read(P4SRC)
    stale = page_script.PAGE.read_text().replace("| 65,536 |", "| 65,535 |")
    assert page_script.render(stale, sources) != stale
