"""The one error of this package.

    Exception
    └── DocumentError   bytes that are no document, or a change that cannot be part of one

A wrong *call* (an engram id of 15 bytes, a collection that has no rule) raises ``ValueError``.
"""


class DocumentError(Exception):
    """A stored blob or a change is not what it must be; the document was left as it was."""
