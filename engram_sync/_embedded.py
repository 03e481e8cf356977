"""The node as programs embed it: every open one also serves control to other local programs.

Stands above both rooms: ``node`` must not know ``control``.
"""

from engram_sync.control import serve_control
from engram_sync.node import Node as Node

Node.default_services = (serve_control,)
