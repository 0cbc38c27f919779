# SPDX-License-Identifier: Apache-2.0
"""Started as `python -I launch.py PARENT_PID PROGRAM [ARGUMENT]...`: becomes PROGRAM, which dies with the runner.

A process of its own rather than a hook between fork and exec, where little Python is safe. It imports nothing of this
package, so that it starts in a few milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)
_EXIT_NOT_FOUND = 127  # as shells do


def main(arguments: list[str]) -> int:
    """Arrange for SIGKILL when the parent's starting thread ends, then exec. Returns only on failure."""
    parent, program = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above could notice
        return 1
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"cannot start {program[0]}: {error.strerror}", file=sys.stderr)
    return _EXIT_NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
