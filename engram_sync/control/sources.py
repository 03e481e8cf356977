"""Where a local program may read memories from, before it hands them to a node.

A module of its own, because reading needs what most callers of a running node do not load.
"""

from engram_sync.importers import ImportProblem as ImportProblem
from engram_sync.importers import read_git as read_git
from engram_sync.importers import read_markdown as read_markdown

__all__ = ["ImportProblem", "read_git", "read_markdown"]
