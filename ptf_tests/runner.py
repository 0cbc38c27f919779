# SPDX-License-Identifier: Apache-2.0
"""Runs the suite with ptf inside this process, so that results are objects and not text to parse."""

import importlib
import logging
import pkgutil
import sys
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import ptf
import ptf.dataplane
import ptf.ptfutils
import ptf.testutils

from ptf_tests import base, cases
from ptf_tests.targets import RunningTarget

POSITIVE_TIMEOUT_S = 5.0
NEGATIVE_TIMEOUT_S = 0.02


@dataclass(frozen=True)
class Summary:
    """How many behaviours held."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _failed_names(result: unittest.TestResult) -> set[str]:
    """A test class counts once, however many of its sub-tests fail."""
    return {_name(test) for test, _ in (*result.failures, *result.errors)}


def _name(test: unittest.TestCase) -> str:
    return test.id().split(".runTest")[0]


def discover(names: list[str]) -> list[type[unittest.TestCase]]:
    """The test classes whose `module.Class`, class or module is in `names`; all of them when `names` is empty."""
    return [test for test in _all_tests() if not names or _is_named(test, names)]


def modules() -> list[str]:
    """The names of the modules that hold tests."""
    return [info.name for info in pkgutil.iter_modules(cases.__path__)]


def _all_tests() -> Iterator[type[unittest.TestCase]]:
    for module_info in pkgutil.iter_modules(cases.__path__):
        module = importlib.import_module(f"{cases.__name__}.{module_info.name}")
        for item in vars(module).values():
            if (
                isinstance(item, type)
                and issubclass(item, unittest.TestCase)
                and item.__module__ == module.__name__
                and hasattr(item, "runTest")
            ):
                yield item


def _is_named(test: type[unittest.TestCase], names: list[str]) -> bool:
    module = test.__module__.rpartition(".")[2]
    return bool({test.__name__, module, f"{module}.{test.__name__}"} & set(names))


def configure(folder: Path, platform: str) -> None:
    """ptf's global configuration."""
    ptf.config.update(
        platform=platform,
        log_dir=None,
        log_file=str(folder / "ptf.log"),
        relax=False,
        qlen=20_000,
        socket_recv_size=16_384,
    )
    logging.getLogger().setLevel(logging.WARNING)
    ptf.open_logfile("main")


def run(
    target: RunningTarget,
    pipeline: Path,
    names: list[str],
    params: Mapping[str, object],
    stream: TextIO = sys.stderr,
) -> Summary:
    """Runs the tests against a target that is up.

    `pipeline` is the folder with P4Info and device config, `params` are for single tests.
    """
    with tempfile.TemporaryDirectory(prefix="p4vpc-ptf-log-") as folder:
        configure(Path(folder), target.platform)
        return _run(target, names, {**params, "pipeline": str(pipeline)}, stream)


def _run(target: RunningTarget, names: list[str], params: Mapping[str, object], stream: TextIO) -> Summary:
    ptf.testutils.TEST_PARAMS = {
        "grpc_address": target.grpc_address,
        "device_id": target.device_id,
        **params,
    }
    ptf.ptfutils.default_timeout = POSITIVE_TIMEOUT_S
    ptf.ptfutils.default_negative_timeout = NEGATIVE_TIMEOUT_S
    dataplane = ptf.dataplane.DataPlane(ptf.config)
    ptf.dataplane_instance = dataplane
    try:
        for (device, port), name in target.port_map.items():
            dataplane.port_add(name, device, port)
        suite = unittest.TestSuite(test() for test in discover(names))
        result = unittest.TextTestRunner(stream=stream, verbosity=2).run(suite)
    finally:
        base.disconnect()
        dataplane.kill()
        ptf.dataplane_instance = None
    failed = len(_failed_names(result))
    skipped = len({_name(test) for test, _ in result.skipped})
    return Summary(passed=max(0, result.testsRun - failed - skipped), failed=failed, skipped=skipped)
