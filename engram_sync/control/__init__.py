"""How other local programs, the command line first, call the Node that runs for a home.

Every open Node serves ``serve_control``: length-prefixed JSON over a Unix socket in the home, or
over loopback TCP, found and unlocked through ``control.json``.  ``ControlClient`` offers the same
methods as ``Node`` itself, so a program need not know which of the two it holds.

Nothing here decides anything about memories: each request becomes exactly one call of the Node.
This package must never touch the store, a peer or a document.
"""

from ._client import ControlClient as ControlClient
from ._client import find_node as find_node
from ._endpoint import Endpoint as Endpoint
from ._endpoint import read_endpoint as read_endpoint
from ._server import serve_control as serve_control

__all__ = [
    "ControlClient",
    "Endpoint",
    "find_node",
    "read_endpoint",
    "serve_control",
]
