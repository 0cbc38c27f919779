# SPDX-License-Identifier: Apache-2.0
"""p4vpc: virtual private clouds on P4 switches."""
