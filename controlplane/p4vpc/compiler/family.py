# SPDX-License-Identifier: Apache-2.0
"""Which of a pair of tables an address belongs to: what is looked up by address is there once for each family."""

from p4vpc.intent import IpAddress, IpNetwork


def of_family(table: str, thing: IpAddress | IpNetwork) -> str:
    """Return the table's name for the family of an address or prefix: `hosts` -> `hosts_v6`."""
    return f"{table}_v{thing.version}"
