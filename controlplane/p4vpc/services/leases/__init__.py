# SPDX-License-Identifier: Apache-2.0
"""Several controllers on one database: who owns which switch, and what they tell each other."""

from p4vpc.services.leases.cluster import Cluster, Hooks, election_id_of, epoch_of
from p4vpc.services.leases.options import LEASE_SECONDS, LeaseOptions

__all__ = ("LEASE_SECONDS", "Cluster", "Hooks", "LeaseOptions", "election_id_of", "epoch_of")
