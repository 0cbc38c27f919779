# SPDX-License-Identifier: Apache-2.0
"""The exception tree of the topology runner.

TopoError
 +- NamespacesNotPermittedError   the kernel does not let this user create network namespaces
 +- FabricFileError               the fabric file is unreadable or describes something that cannot be built
 +- CommandError                  a tool (`ip`, ...) is missing or failed
 +- StartError                    a switch or the controller did not come up
"""


class TopoError(Exception):
    """A failure that the user can act on; its text is the whole message, without a traceback."""


class NamespacesNotPermittedError(TopoError):
    """The kernel refused a network namespace; the text names the remedy."""


class FabricFileError(TopoError):
    """A fabric file cannot be read, or describes a fabric that cannot be built on this machine."""


class CommandError(TopoError):
    """An external command is missing or returned an error."""


class StartError(TopoError):
    """A process of the fabric ended, or did not become ready in time."""
