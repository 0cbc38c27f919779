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
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypedDict

import tofino_report

P4SRC = Path(__file__).resolve().parent
MANIFEST = "build/manifest.json"
ARCHITECTURES = ("v1model", "tna")
SOURCE_FOLDERS = ("common", "v1model", "tna")
COMPILE_SECONDS = 1200

TRAFFIC_LIMIT = 91
"""Percent of the chip's packet rate that its power budget allows this program at worst; the compiler says how much."""

# What back ends say of every program like ours, whatever it does differently: how such lines end.
EXPECTED_WARNINGS = re.compile(
    # v1model: said of every table with an action selector.
    r"(\(due to action profiles\)"
    # TNA: said of every use of a hash, which standard P4Info has no name for and no controller needs.
    r"|No known conversion to standard P4Info for 'DynHash' extern type"
    # TNA: of its own state that keeps short frames in the parser until they are deep enough.
    r"|due to @pragma max_loop_depth\.)$"
)


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
    parser.add_argument("--only", choices=ARCHITECTURES, help="build for this architecture and keep the other as it is")
    options = parser.parse_args(argv)
    try:
        if options.check:
            problems = manifest_problems(P4SRC)
            if problems:
                raise BuildError("\n".join(problems) + "\nrun `make p4` on a machine with p4c and commit p4src/build")
        else:
            build(P4SRC, (options.only,) if options.only else ARCHITECTURES)
    except BuildError as error:
        print(f"p4src: {error}", file=sys.stderr)
        return 1
    return 0


def build(p4src: Path, architectures: Collection[str] = ARCHITECTURES) -> None:
    """Compile for those architectures whose compiler is there; raises BuildError if none is, or on any warning."""
    known = _read_manifest(p4src)
    compilers = dict(known["compilers"]) if known else {}
    built = []
    if "v1model" in architectures and (compiler := shutil.which("p4c-bm2-ss")):
        _build_v1model(p4src, compiler)
        compilers["v1model"] = compiler_version(compiler)
        built.append("v1model")
    compiler, assembler = shutil.which("p4c-barefoot"), shutil.which("bfas")
    if "tna" in architectures and compiler and assembler:
        _build_tna(p4src, compiler, assembler)
        compilers["tna"] = compiler_version(compiler)
        built.append("tna")
    if not built:
        raise BuildError("no compiler on the PATH (p4c-bm2-ss; p4c-barefoot and bfas): nothing built")
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


def _build_tna(p4src: Path, compiler: str, assembler: str) -> None:
    includes = Path(compiler).resolve().parent.parent / "share/p4c/p4include"
    with tempfile.TemporaryDirectory() as scratch:
        p4info, report, output = Path(scratch, "p4info.txtpb"), Path(scratch, "resources.txt"), Path(scratch, "out")
        # Annotations that only P4Runtime reads are unknown to this compiler, and it says so.
        target = [
            "--target",
            "tofino",
            "--arch",
            "tna",
            "-D__TARGET_TOFINO__=1",
            "-I",
            str(includes),
            "--verbose",
            "-g",
            # Tables first, then containers that suit them: the other way round needs more stages (docs/adr/0030).
            "--alt-phv-alloc",
            "--traffic-limit",
            str(TRAFFIC_LIMIT),
        ]
        # Nor does it like names of keys that are parts of fields; those are hidden tables', which nobody addresses.
        control_plane = [
            "--Wdisable=unknown",
            "--Wdisable=substitution",
            "--p4runtime-force-std-externs",
            "--p4runtime-files",
            str(p4info),
        ]
        try:
            said = _compile(p4src, [compiler, *target, *control_plane, "-o", str(output), "tna/main.p4"])
        except BuildError as error:
            # Controllers and tests need the P4Info; that the chip cannot hold the program is said in the report.
            if not p4info.exists() or tofino_report.NO_ALLOCATION not in str(error):
                raise
            report.write_text(tofino_report.render_failure(str(error)))
        else:
            assembly = Path(output, "pipe/main.bfa").read_text()
            resources = json.loads(Path(output, "pipe/logs/resources.json").read_text())
            verdict = _assemble(assembler, output)
            power = tofino_report.power(said, TRAFFIC_LIMIT)
            try:
                report.write_text(tofino_report.render(assembly, _table_sizes(p4info), verdict, resources, power))
            except ValueError as error:
                raise BuildError(f"{Path(compiler).name} tna/main.p4: {error} (docs/adr/0030)") from error
        _install(p4src / "build/tna", p4info, report)


def _assemble(assembler: str, output: Path) -> str:
    """What the assembler says of the program: `fits`, or its first error."""
    Path(output, "asm/logs").mkdir(parents=True)
    result = subprocess.run(
        [assembler, "--target", "tofino", "-o", "asm", "pipe/main.bfa"],
        cwd=output,
        capture_output=True,
        text=True,
        timeout=COMPILE_SECONDS,
        check=False,
    )
    if result.returncode == 0:
        return "fits"
    errors = re.findall(r"error: (.*)", result.stdout + result.stderr)
    return errors[0] if errors else f"exit code {result.returncode}"


def _table_sizes(p4info: Path) -> dict[str, int]:
    found = re.findall(
        r'^tables \{\n  preamble \{\n    id: \d+\n    name: "([^"]+)".*?^  size: (\d+)$',
        p4info.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return {name: int(size) for name, size in found}


def _compile(p4src: Path, command: list[str]) -> str:
    """What the compiler has said."""
    result = subprocess.run(command, cwd=p4src, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    said = result.stdout + result.stderr
    warnings = [line for line in said.splitlines() if re.search(r"\bwarning:", line)]
    unexpected = [line for line in warnings if not EXPECTED_WARNINGS.search(line)]
    if result.returncode != 0 or unexpected:
        raise BuildError(f"{Path(command[0]).name} {command[-1]}: exit code {result.returncode}\n{said}")
    return said


def _install(folder: Path, *files: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).write_text(file.read_text().rstrip() + "\n")


if __name__ == "__main__":
    sys.exit(main())
