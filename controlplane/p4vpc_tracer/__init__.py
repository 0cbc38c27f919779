# SPDX-License-Identifier: Apache-2.0
"""The packet tracer's engine: softswitch, with entries of the controller. Knows both; neither knows it (ADR 26)."""

from p4vpc_tracer.tracer import SoftswitchTracer

__all__ = ["SoftswitchTracer"]
