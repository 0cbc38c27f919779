# SPDX-License-Identifier: Apache-2.0
"""Compile the pipeline for each architecture whose compiler is on the PATH, and keep a manifest of what was built.

The artefacts are checked in because most machines have no P4 compiler. `--check` needs none: it compares the sources
and the artefacts with the manifest. The compilers run inside `p4src`, so that artefacts name sources by relative path.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

P4SRC = Path(__file__).resolve().parent
MANIFEST = "build/manifest.json"
SOURCE_FOLDERS = ("common", "v1model", "tna")
COMPILE_SECONDS = 600

# The v1model back end says this of every table with an action selector, whatever its default action.
EXPECTED_WARNINGS = ("Target does not support default_action for .underlay_routes (due to action profiles)",)


class Manifest(TypedDict):
    """What `build/manifest.json` holds: digests are SHA-256 in hex."""

    sources: str
    compilers: dict[str, str]
    artefacts: dict[str, str]


class BuildError(Exception):
    """The pipeline could not be built, or what is checked in does not belong together."""


def main(argv: list[str] | None = None) -> int:
    """Build, or with `--check` only compare; exit code 0 when all is well, 1 with a message when not."""
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the manifest, build nothing")
    options = parser.parse_args(argv)
    try:
        if options.check:
            problems = manifest_problems(P4SRC)
            if problems:
                raise BuildError("\n".join(problems) + "\nrun `make p4` on a machine with p4c and commit p4src/build")
        else:
            build(P4SRC)
    except BuildError as error:
        print(f"p4src: {error}", file=sys.stderr)
        return 1
    return 0


def build(p4src: Path) -> None:
    """Compile for every architecture whose compiler is there; raises BuildError if none is, or on any warning."""
    known = _read_manifest(p4src)
    compilers = dict(known["compilers"]) if known else {}
    built = []
    if compiler := shutil.which("p4c-bm2-ss"):
        _build_v1model(p4src, compiler)
        compilers["v1model"] = compiler_version(compiler)
        built.append("v1model")
    if not built:
        raise BuildError("no compiler on the PATH (p4c-bm2-ss): nothing built")
    manifest = Manifest(sources=source_digest(p4src), compilers=compilers, artefacts=artefact_digests(p4src))
    (p4src / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    print(f"p4src: built {', '.join(built)}")


def manifest_problems(p4src: Path) -> list[str]:
    """What does not match the manifest, one sentence each; empty when everything does."""
    manifest = _read_manifest(p4src)
    if manifest is None:
        return [f"{MANIFEST} is missing"]
    problems = []
    if manifest["sources"] != source_digest(p4src):
        problems.append(f"the P4 sources have changed since {MANIFEST} was written")
    found = artefact_digests(p4src)
    for path in sorted(manifest["artefacts"].keys() | found.keys()):
        if path not in found:
            problems.append(f"{path} is named in {MANIFEST} but is not there")
        elif path not in manifest["artefacts"]:
            problems.append(f"{path} is not named in {MANIFEST}")
        elif found[path] != manifest["artefacts"][path]:
            problems.append(f"{path} is not the file that {MANIFEST} was written for")
    return problems


def source_digest(p4src: Path) -> str:
    """SHA-256 over the names and contents of all P4 sources."""
    digest = hashlib.sha256()
    for path in _sources(p4src):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(p4src).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def artefact_digests(p4src: Path) -> dict[str, str]:
    """SHA-256 of each file under `build/` but the manifest, by path relative to `p4src`."""
    return {
        path.relative_to(p4src).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((p4src / "build").rglob("*"))
        if path.is_file() and path != p4src / MANIFEST
    }


def compiler_version(compiler: str) -> str:
    """The compiler's name and version as it gives them itself."""
    result = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=60, check=True)
    said = result.stdout + result.stderr
    found = re.search(r"Version (\S+)", said)
    if found is None:
        raise BuildError(f"{Path(compiler).name} --version says no version: {said.strip()!r}")
    return f"{Path(compiler).name} {found[1]}"


def _sources(p4src: Path) -> Iterator[Path]:
    for folder in SOURCE_FOLDERS:
        yield from sorted((p4src / folder).rglob("*.p4"))


def _read_manifest(p4src: Path) -> Manifest | None:
    path = p4src / MANIFEST
    if not path.exists():
        return None
    manifest: Manifest = json.loads(path.read_text())
    return manifest


def _build_v1model(p4src: Path, compiler: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        config, p4info = Path(scratch, "p4vpc.json"), Path(scratch, "p4info.txtpb")
        _compile(
            p4src,
            [compiler, "--arch", "v1model", "-o", str(config), "--p4runtime-files", str(p4info), "v1model/main.p4"],
        )
        _install(p4src / "build/v1model", config, p4info)


def _compile(p4src: Path, command: list[str]) -> None:
    result = subprocess.run(command, cwd=p4src, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    said = result.stdout + result.stderr
    warnings = [line for line in said.splitlines() if re.search(r"\bwarning:", line)]
    unexpected = [line for line in warnings if not line.endswith(EXPECTED_WARNINGS)]
    if result.returncode != 0 or unexpected:
        raise BuildError(f"{Path(command[0]).name} {command[-1]}: exit code {result.returncode}\n{said}")


def _install(folder: Path, *files: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).write_text(file.read_text().rstrip() + "\n")


if __name__ == "__main__":
    sys.exit(main())
