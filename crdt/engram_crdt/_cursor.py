"""Reads stored bytes from front to back."""

from ._errors import DocumentError
from ._yjs import read_varint


class Cursor:
    """A place in a body of bytes.  Numbers are LEB128."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.offset = 0

    def number(self) -> int:
        """Read a number.

        Raises:
            IndexError: The body ends within it.
            DocumentError: It is too long.
        """
        number, self.offset = read_varint(self.body, self.offset)
        return number

    def count(self) -> range:
        """Read how many of something follow.

        Raises:
            DocumentError: More than there are bytes left.
        """
        number = self.number()
        if number > len(self.body) - self.offset:
            raise DocumentError(f"{number} of something in {len(self.body) - self.offset} bytes")
        return range(number)

    def take(self, size: int) -> bytes:
        """Read ``size`` bytes.

        Raises:
            DocumentError: There are fewer.
        """
        end = self.offset + size
        if end > len(self.body):
            raise DocumentError(f"document ends {end - len(self.body)} bytes early")
        taken = self.body[self.offset : end]
        self.offset = end
        return taken

    def expect_end(self) -> None:
        """Check that nothing follows.

        Raises:
            DocumentError: Something does.
        """
        if self.offset != len(self.body):
            raise DocumentError(f"{len(self.body) - self.offset} bytes after the document")
