# SPDX-License-Identifier: Apache-2.0
"""BMv2 JSON to the typed program: everything is checked here, and all that is unsupported is reported at once."""

from softswitch.reader.program import read_program

__all__ = ["read_program"]
