# SPDX-License-Identifier: Apache-2.0
"""The import rules of docs/architecture.md: data goes one way, and the pure packages stay pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTROLPLANE = ROOT / "controlplane" / "p4vpc"
TRACER = ROOT / "controlplane" / "p4vpc_tracer"

SHARED = {"p4vpc", "p4vpc.errors", "p4vpc.persistent"}
MAY_IMPORT = {
    "intent": set(),
    "store": {"intent"},
    "model": {"intent"},
    "compiler": {"intent", "model"},
    "reconcile": {"compiler.entries"},
    "southbound": {"compiler.entries", "reconcile"},
    "services": {"intent", "store", "model", "compiler", "reconcile", "southbound"},
    "api": {"intent", "store", "model", "compiler", "reconcile", "southbound", "services"},
    "client": {"intent"},
    "cli": {"intent", "client"},
}
LAZILY = {"cli": {"api", "services", "southbound", "store"}}
"""What may be imported inside of functions only: `p4vpc get` must not load a server."""

TOUCHES_THE_WORLD = {
    "asyncio",
    "datetime",
    "finsy",
    "grpc",
    "httpx",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "structlog",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
PURE = ("compiler", "intent", "model", "reconcile")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (module, whether it is imported inside of a function) for each import of a file."""
    tree = ast.parse(path.read_text(), str(path))
    inner = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in inner
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module, node in inner
            for alias in node.names:
                if (ROOT / "controlplane" / f"{node.module}.{alias.name}".replace(".", "/")).is_dir():
                    yield f"{node.module}.{alias.name}", node in inner


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def is_allowed(module: str, package: str, allowed: set[str]) -> bool:
    if module in SHARED:
        return True
    name = module.removeprefix("p4vpc.")
    return any(name == it or name.startswith(f"{it}.") for it in {package, *allowed})


def violations(package: str) -> list[str]:
    found = []
    for path in files(CONTROLPLANE / package):
        for module, is_inner in imports(path):
            if module.partition(".")[0] != "p4vpc":
                continue
            allowed = MAY_IMPORT[package] | (LAZILY.get(package, set()) if is_inner else set())
            if not is_allowed(module, package, allowed):
                found.append(f"{path.relative_to(ROOT)} imports {module}")
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_only_what_they_may(package: str) -> None:
    assert violations(package) == []


def test_every_package_has_a_rule() -> None:
    packages = {path.name for path in CONTROLPLANE.iterdir() if path.is_dir() and files(path)}
    assert packages <= MAY_IMPORT.keys()


def test_only_shared_modules_live_beside_the_packages() -> None:
    assert {path.stem for path in CONTROLPLANE.glob("*.py")} == {"__init__", "errors", "persistent"}
    for name in ("errors.py", "persistent.py"):
        assert [module for module, _ in imports(CONTROLPLANE / name) if module.startswith("p4vpc")] == []


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_touch_nothing_of_the_world(package: str) -> None:
    for path in files(CONTROLPLANE / package):
        touched = {module.partition(".")[0] for module, _ in imports(path)} & TOUCHES_THE_WORLD
        assert not touched, f"{path.relative_to(ROOT)} imports {touched}"


def test_controller_and_softswitch_do_not_know_each_other() -> None:
    for folder, other in ((ROOT / "softswitch", "p4vpc"), (CONTROLPLANE, "softswitch")):
        for path in files(folder):
            known = {module.partition(".")[0] for module, _ in imports(path)}
            assert other not in known, f"{path.relative_to(ROOT)} imports {other}"


def test_nobody_imports_the_package_that_knows_both() -> None:
    """It is found by its entry point: the controller runs without it, and says so when a trace is asked for."""
    for folder in (CONTROLPLANE, ROOT / "softswitch"):
        for path in files(folder):
            assert "p4vpc_tracer" not in {module.partition(".")[0] for module, _ in imports(path)}, path


def test_the_tracer_knows_the_seams_only() -> None:
    allowed = ("p4vpc.compiler.entries", "p4vpc.errors", "p4vpc.services.trace", "p4vpc_tracer", "softswitch")
    assert files(TRACER)
    for path in files(TRACER):
        for module, _ in imports(path):
            if module.startswith(("p4vpc", "softswitch")):
                assert any(module == it or module.startswith(f"{it}.") for it in allowed), f"{path} imports {module}"


def test_the_rules_can_be_broken(tmp_path: Path) -> None:
    source = tmp_path / "bad.py"
    source.write_text("from p4vpc import store\nimport p4vpc.api.app\n\ndef f():\n    import p4vpc.services\n")
    found = list(imports(source))
    assert found == [("p4vpc", False), ("p4vpc.store", False), ("p4vpc.api.app", False), ("p4vpc.services", True)]
    assert not is_allowed("p4vpc.store", "model", MAY_IMPORT["model"])
    assert not is_allowed("p4vpc.compiler.compile", "reconcile", MAY_IMPORT["reconcile"])
    assert not is_allowed("p4vpc.intents", "model", MAY_IMPORT["model"])
    assert is_allowed("p4vpc.intent.ids", "model", MAY_IMPORT["model"])
