"""Every error this package raises, and whose fault each one is.

    EngramError
    ├── LocalError               the caller, the files or the machine here
    │   ├── UsageError           2   the request makes no sense
    │   ├── NotFoundError        3   no such memory, peer, scope or file
    │   ├── PreconditionError    4   it conflicts with what is stored
    │   ├── DeniedError          5   not allowed: role, token, permissions
    │   ├── DegradedError        6   the node cannot do this now (offline, not running, no peers)
    │   │   └── HomeInUseError   6   another process has the home open; it may be free soon
    │   ├── DeadlineError        7   it took longer than the caller allowed
    │   └── CorruptError         8   a stored file is not what it must be
    └── RemoteError              1   the peer broke the protocol or refused

The number is the exit code of the command line.  ``hint`` says what to do next; the command line
prints it on a line of its own.
"""

from typing import ClassVar


class EngramError(Exception):
    """Base of everything this package raises on purpose.

    Args:
        message: What was wrong, with the values that matter.
        hint: What to type or to check next; empty when there is nothing sensible to say.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class LocalError(EngramError):
    """Something here, not a peer, is wrong."""


class UsageError(LocalError):
    """The request makes no sense as it stands."""

    exit_code = 2


class NotFoundError(LocalError):
    """There is no such memory, scope, peer or file."""

    exit_code = 3


class PreconditionError(LocalError):
    """The request conflicts with what is stored; nothing was written."""

    exit_code = 4


class DeniedError(LocalError):
    """The caller may not do this."""

    exit_code = 5


class DegradedError(LocalError):
    """The node cannot do this in its present state."""

    exit_code = 6


class HomeInUseError(DegradedError):
    """Another process has the home open."""


class DeadlineError(LocalError):
    """The caller's deadline passed first."""

    exit_code = 7


class CorruptError(LocalError):
    """A stored file is not what it must be; nothing was changed."""

    exit_code = 8


class RemoteError(EngramError):
    """A peer broke the protocol, or refused.

    Args:
        message: What the peer did.
        code: The close code of the wire protocol (``engram_wire.CloseCode``).
        hint: What to do next.
    """

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


def error_for_exit_code(exit_code: int, message: str, hint: str = "") -> EngramError:
    """The error that a control connection or a command reported as ``exit_code``."""
    for kind in LocalError.__subclasses__():
        if kind.exit_code == exit_code:
            return kind(message, hint=hint)
    return LocalError(message, hint=hint)
