# SPDX-License-Identifier: Apache-2.0
"""Settings of property-based tests: no test depends on how fast or busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("p4vpc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("p4vpc")
