# SPDX-License-Identifier: Apache-2.0
"""The typed program to Python source: one function per pipeline, header fields as local variables."""

from softswitch.codegen.module import generate

__all__ = ["generate"]
