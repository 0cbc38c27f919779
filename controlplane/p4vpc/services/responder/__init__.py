# SPDX-License-Identifier: Apache-2.0
"""The controller answers what the pipeline cannot build: ICMP errors, echo replies of gateways; and listens to
announcements.

The core is pure: `respond` from frame and `view` to a reply, over `locate` (whose frame is it), `gateway`, `icmp`,
`suppression` (when to say nothing), `announcements`, and the headers `ethernet`, `ipv4`, `ipv6`, `vxlan`. `service` is
the task around it, with `limits` and `latest`; `view_of_model` is the seam to the model.
"""

from p4vpc.services.responder.announcements import Announcement, Family
from p4vpc.services.responder.latest import LatestAnnouncements, OnAnnouncement, log_announcement
from p4vpc.services.responder.reasons import Reason
from p4vpc.services.responder.respond import Reply, respond
from p4vpc.services.responder.service import Outcome, Responder, ResponderOptions
from p4vpc.services.responder.view import Attachment, ForeignAttachment, LocalAttachment, SubnetView, SwitchView
from p4vpc.services.responder.view_of_model import view_of_model

__all__ = (
    "Announcement",
    "Attachment",
    "Family",
    "ForeignAttachment",
    "LatestAnnouncements",
    "LocalAttachment",
    "OnAnnouncement",
    "Outcome",
    "Reason",
    "Reply",
    "Responder",
    "ResponderOptions",
    "SubnetView",
    "SwitchView",
    "log_announcement",
    "respond",
    "view_of_model",
)
