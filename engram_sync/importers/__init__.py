"""Importers: files and repositories as memories to be remembered.

The only part beside the node that reads files or starts programs.  Must never write a record.
"""

from .git import read_git as read_git
from .markdown import read_markdown as read_markdown
from .outcomes import ImportProblem as ImportProblem

__all__ = [
    "ImportProblem",
    "read_git",
    "read_markdown",
]
