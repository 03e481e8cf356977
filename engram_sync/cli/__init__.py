"""The command line: ``engram-sync``.

It turns words into calls of a Node, running or not, and results into lines or JSON.  It must
never hold a rule about memories, peers or files: whatever it knows, a Python program that embeds a
Node can find out too.  Modules here import nothing slow when they are loaded, so that ``--help``
answers at once.
"""

from ._main import cli as cli
from ._main import main as main

__all__ = ["cli", "main"]
