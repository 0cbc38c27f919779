# SPDX-License-Identifier: Apache-2.0
"""The packet tests as part of `make test`: the whole suite over softswitch, and over BMv2 where it is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from ptf_tests import targets

ROOT = Path(__file__).parents[2]
# The process ends itself long before; this bound is for the case that it hangs.
BOUND_S = 600
LINK_OPTIONS = tuple(
    f"--test={name}" for name in ("bridging", "classification", "encapsulation", "malformed", "packet_io")
)


@pytest.mark.timeout(BOUND_S + 30)
@pytest.mark.parametrize(
    ("target", "options"),
    [
        # All but the random frames, and nothing of the pipeline that they do not reach.
        ("softswitch", ("--coverage",)),
        ("softswitch", ("--test=differential",)),
        # What AF_PACKET could spoil: tags, lengths, odd frames, the rest does not depend on the kind of port.
        pytest.param("softswitch-veth", LINK_OPTIONS, marks=pytest.mark.namespaces),
        pytest.param("bmv2", (), marks=pytest.mark.bmv2),
    ],
    ids=["softswitch", "softswitch-random", "softswitch-veth", "bmv2"],
)
def test_every_behaviour_holds(target: str, options: tuple[str, ...]) -> None:
    if reason := targets.missing(target):
        pytest.skip(f"{target}: {reason}")
    done = subprocess.run(
        [sys.executable, "-m", "ptf_tests", "--target", target, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last_line = done.stdout.splitlines()[-1]
    assert " 0 failed, 0 skipped" in last_line, last_line
