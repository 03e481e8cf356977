"""What a command reads besides its arguments."""

import sys

from engram_sync.errors import UsageError

STDIN = "-"


def text_or_stdin(argument: str, name: str) -> str:
    """The argument, or all of standard input for ``-``.

    Args:
        argument: What was typed.
        name: What it is called in an error.

    Raises:
        UsageError: It is not UTF-8.
    """
    if argument == STDIN:
        data = sys.stdin.buffer.read()
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"standard input is not UTF-8 text: byte {error.start} is {data[error.start]:#x}",
                hint="convert it first, for example with iconv",
            ) from error
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} is not UTF-8 text", hint="check the terminal's locale") from error
    return argument
