# SPDX-License-Identifier: Apache-2.0
import json
import shutil
from pathlib import Path

import pytest

from .pipeline_files import P4SRC, ROOT, load_script

build = load_script("build")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(P4SRC, tmp_path / "p4src"))


def test_artefacts_belong_to_the_sources() -> None:
    assert build.manifest_problems(P4SRC) == []


def test_changed_source_is_noticed(copy: Path) -> None:
    source = copy / "common/sizes.p4"
    source.write_text(source.read_text().replace("65536", "65537"))
    assert build.manifest_problems(copy) == ["the P4 sources have changed since build/manifest.json was written"]


def test_renamed_source_is_noticed(copy: Path) -> None:
    (copy / "common/policy.p4").rename(copy / "common/rules.p4")
    assert build.manifest_problems(copy) == ["the P4 sources have changed since build/manifest.json was written"]


def test_changed_missing_and_foreign_artefacts_are_named(copy: Path) -> None:
    (copy / "build/v1model/p4vpc.json").unlink()
    (copy / "build/v1model/other.json").write_text("{}")
    with (copy / "build/v1model/p4info.txtpb").open("a") as file:
        file.write("# edited\n")
    assert build.manifest_problems(copy) == [
        "build/v1model/other.json is not named in build/manifest.json",
        "build/v1model/p4info.txtpb is not the file that build/manifest.json was written for",
        "build/v1model/p4vpc.json is named in build/manifest.json but is not there",
    ]


def test_missing_manifest_is_one_problem(copy: Path) -> None:
    (copy / "build/manifest.json").unlink()
    assert build.manifest_problems(copy) == ["build/manifest.json is missing"]


def test_no_compiler_is_an_error_and_changes_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.artefact_digests(copy)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(build.BuildError, match="no compiler on the PATH"):
        build.build(copy)
    assert build.artefact_digests(copy) == before


@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on the PATH")
def test_build_is_repeatable(copy: Path) -> None:
    compilers = json.loads((copy / "build/manifest.json").read_text())["compilers"]
    if build.compiler_version("p4c-bm2-ss") != compilers["v1model"]:
        pytest.skip(f"the artefacts were built by {compilers['v1model']}, here is another version")
    before = build.artefact_digests(copy)
    build.build(copy, ("v1model",))
    assert build.artefact_digests(copy) == before


@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on the PATH")
def test_warning_stops_the_build(copy: Path) -> None:
    source = copy / "common/constants.p4"
    source.write_text(source.read_text().replace("#endif", "const bit<8> NEVER_USED = 1;\n#endif"))
    with pytest.raises(build.BuildError, match="'NEVER_USED' is unused"):
        build.build(copy, ("v1model",))


def test_artefacts_name_no_absolute_path() -> None:
    config = json.loads((P4SRC / "build/v1model/p4vpc.json").read_text())

    def file_names(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["filename"]} if isinstance(node.get("filename"), str) else set()
            return own.union(*map(file_names, node.values()))
        if isinstance(node, list):
            return set[str]().union(*map(file_names, node))
        return set()

    names = file_names(config) | {config["program"]}
    assert {name for name in names if name and not (P4SRC / name).is_file()} == set()
    for path in (P4SRC / "build").rglob("*"):
        assert not path.is_file() or str(ROOT) not in path.read_text()
