# SPDX-License-Identifier: Apache-2.0
"""softswitch: an embedded P4Runtime target that executes the BMv2 JSON that p4c makes of a v1model program."""
