# SPDX-License-Identifier: Apache-2.0
"""Run all tests in two halves at the same time, which two cores do in little more than half of the time.

With arguments it is pytest with these arguments, and nothing else.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence

# What starts processes and waits for them, beside what calculates.
WAITING = ("tests/integration", "tests/e2e")


def main(arguments: Sequence[str]) -> int:
    """The exit code of pytest, of the half that fares worse."""
    pytest = [sys.executable, "-m", "pytest"]
    if arguments:
        return subprocess.run([*pytest, *arguments], check=False).returncode
    with tempfile.TemporaryFile() as output:
        calculating = [f"--ignore={folder}" for folder in WAITING]
        with subprocess.Popen([*pytest, *calculating], stdout=output, stderr=subprocess.STDOUT) as other:
            try:
                code = subprocess.run([*pytest, *WAITING], check=False).returncode
                other.wait()
            except BaseException:
                other.terminate()
                raise
        output.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(output.read())
    return max(code, other.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
