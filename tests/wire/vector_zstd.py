"""Vectors of compressed messages, built by hand: no library has a say in their bytes."""

from collections.abc import Iterator

from engram_wire import CloseCode, PayloadResponse, SyncResponse, SyncStatus, encode_message
from tests.wire.vector_refusals import refused
from tests.wire.vector_sessions import messages
from tests.wire.vector_values import Json, Row

MAGIC = b"\x28\xb5\x2f\xfd"
RAW, REPEATED = 0, 1

# What a library made of ``_wordy`` once.
_PACKED = (
    "28b52ffd60f901bd0b0016ac541ab095241d87c3300c032a3c0cd050cade4d6e4976e519ce596b034c004e00"
    "4b009b0df6a83ba27b329be4ae86dd923d22bbb35d149b127bad23ea912605970437e823bdc15c3293f8c823"
    "f81aa6848be48e3c22b77675937bb223f668f6e20d8fdc5df31d06040c200020408114bda4e606c13cd2b901"
    "e7923093368f3147145f034e292f22ef043e22bc15bc5a6192c293201cd1f0886136848b126e587824c25dc9"
    "1524330279513962e4056546902b44ee268f84dc50bb48011cd993207b44db6cb78bdc6e90ed91d8ee287645"
    "6333187b21b12322f6826a46eb0ad69dd4235137105d2ccd921e091d317a52c164105c9de056081e91e04e04"
    "1751a7047d9d1ec13e4a6707162232a3265774721726724310729121b30b794455b5c928da2d12ed4e05bba8"
    "c1a630087644b59b14dadd80668f74768330bb64b349c43d963ba2e3a654d845c3b04724ec56c9ae06b2190b"
    "00cc8d0c10726265cd4c4ccc3d2e2ca1eda9c464e7951fa47d90ae7816b40f2b0d"
)


def block(data: bytes, *, kind: int = RAW, size: int | None = None, last: bool = True) -> bytes:
    """A block that stores its bytes, or one byte that is repeated."""
    count = len(data) if size is None else size
    return (count << 3 | kind << 1 | last).to_bytes(3, "little") + data


def frame(*blocks: bytes, size: int) -> bytes:
    """A frame of one segment that declares ``size`` bytes of content, 256 or more."""
    if size < 1 << 16:
        return MAGIC + b"\x60" + (size - 256).to_bytes(2, "little") + b"".join(blocks)
    return MAGIC + b"\xa0" + size.to_bytes(4, "little") + b"".join(blocks)


def _wordy() -> bytes:
    """A message of many numbers."""
    words = b" ".join(b"%d" % (n * n) for n in range(150))
    return encode_message(SyncResponse(1, SyncStatus.DATA, frame=words))[1]


def _rows() -> Iterator[Row]:
    listed = [encode_message(message) for message in messages()]
    kind, data = next(pair for pair in listed if pair[0] == 3 and len(pair[1]) > 400)
    half = len(data) // 2
    yield _row("one stored block", kind, data, frame(block(data), size=len(data)))
    two = block(data[:half], last=False) + block(data[half:])
    yield _row("two stored blocks", kind, data, frame(two, size=len(data)))
    window = MAGIC + b"\x40\x50" + (len(data) - 256).to_bytes(2, "little") + block(data)
    yield _row("a window of 1 MiB", kind, data, window)
    marked = frame(block(data), size=len(data))
    yield _row("an empty block at the end", kind, data, _unfinished(marked) + block(b""))
    kind, wide = encode_message(PayloadResponse(1, ((bytes(32), 1, bytes(900)),)))
    parts = block(wide[:-900], last=False) + block(b"\0", kind=REPEATED, size=900)
    yield _row("a repeated byte", kind, wide, frame(parts, size=len(wide)))
    yield _row("compressed by a library", 3, _wordy(), bytes.fromhex(_PACKED))


def _unfinished(data: bytes) -> bytes:
    """``data``, a frame of one block, with that block marked as not the last."""
    return data[:7] + bytes((data[7] & 0xFE,)) + data[8:]


def _row(name: str, kind: int, data: bytes, packed: bytes) -> Row:
    return {"name": name, "type": kind, "hex": data.hex(), "compressed": packed.hex()}


def zstd_vectors() -> Json:
    """Compressed messages, each in another way."""
    return list(_rows())


def zstd_refused() -> list[Row]:
    """Payloads of an envelope of version 2 that must be refused."""
    data = _wordy()
    size = len(data)
    whole = frame(block(data), size=size)
    large = 1 << 20
    length = (size - 256).to_bytes(2, "little")
    cases = [
        ("nothing", b"", CloseCode.PROTOCOL),
        ("the message, not compressed", data, CloseCode.PROTOCOL),
        ("only a head", whole[:7], CloseCode.LIMIT),
        ("half a head", whole[:5], CloseCode.PROTOCOL),
        ("a frame cut short", whole[:-1], CloseCode.PROTOCOL),
        ("a frame and one byte", whole + b"\0", CloseCode.PROTOCOL),
        ("two frames", whole + whole, CloseCode.PROTOCOL),
        ("a frame to skip", b"\x50\x2a\x4d\x18\x04\0\0\0" + b"skip", CloseCode.PROTOCOL),
        ("no content size", MAGIC + b"\x00\x50" + block(data), CloseCode.PROTOCOL),
        ("a dictionary", MAGIC + b"\x61\x07" + length + block(data), CloseCode.PROTOCOL),
        ("content longer than declared", frame(block(data), size=size - 1), CloseCode.PROTOCOL),
        ("content shorter than declared", frame(block(data), size=size + 1), CloseCode.PROTOCOL),
        ("a block of a reserved kind", frame(block(data, kind=3), size=size), CloseCode.PROTOCOL),
        ("a window of 2 MiB", MAGIC + b"\x40\x58" + length + block(data), CloseCode.LIMIT),
        ("33 bytes for each byte", _repeated(33), CloseCode.LIMIT),
        ("2^63 bytes declared", MAGIC + b"\xe0" + bytes(7) + b"\x80", CloseCode.LIMIT),
        ("1 MiB of one byte", frame(_megabyte(), size=large), CloseCode.LIMIT),
    ]
    return [refused("zstd", name, packed, code) for name, packed, code in cases]


def _repeated(ratio: int) -> bytes:
    size = ratio * 100
    filler = block(bytes(100 - 7 - 4 - 3), last=False)
    rest = size - (100 - 7 - 4 - 3)
    return frame(filler, block(b"\0", kind=REPEATED, size=rest), size=size)


def _megabyte() -> bytes:
    blocks = [block(b"\0", kind=REPEATED, size=1 << 17, last=n == 7) for n in range(8)]
    return b"".join(blocks)
