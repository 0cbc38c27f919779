# SPDX-License-Identifier: Apache-2.0
"""What switches show of their traffic: sampled drops, and what rules of network ACLs log.

`headers` takes a frame apart as far as it goes, `view` knows whose it is, `describe` makes a `Sample` of both; `ring`
keeps the latest of each switch for whoever follows, `sampler` is the place where packet-ins come in.
"""

from p4vpc.services.samples.ring import SampleRing
from p4vpc.services.samples.sample import Sample, SampledRule
from p4vpc.services.samples.sampler import ACL_LOG, Sampler
from p4vpc.services.samples.view import SampleView

__all__ = ("ACL_LOG", "Sample", "SampleRing", "SampleView", "SampledRule", "Sampler")
