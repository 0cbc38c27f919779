# SPDX-License-Identifier: Apache-2.0
"""Fabrics as files: network namespaces, links, hosts, switches of either kind and a controller on one Linux machine."""
