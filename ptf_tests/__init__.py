# SPDX-License-Identifier: Apache-2.0
"""Packet tests: what the pipeline does to each packet, seen from outside through P4Runtime and the wire alone."""
