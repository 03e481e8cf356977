"""What it means that something stored cannot be read back."""

from engram_sync.errors import CorruptError


def damaged(engram: bytes, error: Exception) -> CorruptError:
    """The error for an engram whose rows or records cannot be read back."""
    return CorruptError(
        f"memory {engram.hex()} cannot be read back: {error}",
        hint="copy the home aside, then restore it from a backup",
    )
