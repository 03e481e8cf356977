"""What a running node says about itself: log lines on standard error.

It never holds or writes the content of a memory, a key, a token or any other secret, and it never
decides anything: no code may behave differently because of what was logged.
"""

from ._log import FieldValue as FieldValue
from ._log import Logger as Logger
from ._log import configure_logging as configure_logging
from ._printable import printable as printable

__all__ = ["FieldValue", "Logger", "configure_logging", "printable"]
