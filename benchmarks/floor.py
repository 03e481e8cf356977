"""The floor: the fastest honest pipeline that Python allows, with no engine around it.

Two processes over real TCP on loopback: node A holds N opaque documents in SQLite, node B is
empty.  A signed key exchange, ChaCha20-Poly1305 frames, CBOR, one Ed25519 signature per 256
documents, everything verified, SQLite at synchronous=FULL, B's last commit included.  With
``documents`` B also opens each document with pycrdt, with ``index`` it feeds full-text search.

    python -m benchmarks.floor 10000 [documents] [index]     prints one JSON line
"""

import argparse
import hashlib
import json
import secrets
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import nacl.bindings as sodium
import trio
from pycrdt import Doc, Map

from benchmarks.corpus import sample

BATCH = 256
COMMIT_EVERY = 4_096
READ_BYTES = 262_144
NONCE = struct.Struct("<4xQ")
LENGTH = struct.Struct(">I")
SCHEMA = """
create table if not exists engram(seq integer primary key, id blob, hlc int, batch int, body blob);
create unique index if not exists engram_id on engram(id);
create table if not exists batch(n integer primary key, signature blob);
"""


def short_hash(data: bytes) -> bytes:
    """BLAKE2b-128."""
    return hashlib.blake2b(data, digest_size=16).digest()


def open_database(path: Path, *, synchronous: str = "full") -> sqlite3.Connection:
    """The floor's whole schema: no engine, no history, no conflicts."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute(f"pragma synchronous={synchronous}")
    connection.execute("pragma cache_size=-32768")
    connection.executescript(SCHEMA)
    return connection


def build(path: Path, count: int) -> None:
    """Write node A's documents; the signing key is fixed because nothing here is secret."""
    _, secret = sodium.crypto_sign_seed_keypair(b"\1" * 32)
    database = open_database(path, synchronous="off")
    database.execute("begin")
    for start in range(0, count, BATCH):
        rows: list[tuple[bytes, int, bytes]] = []
        for index in range(start, min(count, start + BATCH)):
            taken = sample(index)
            record = taken._asdict() | {"tags": ",".join(taken.tags)}
            document: Doc[Any] = Doc()
            document.get("engram", type=Map).update(record)
            key = index.to_bytes(6, "big") + short_hash(b"%d" % index)[:10]
            rows.append((key, taken.created_ms, document.get_update()))
        hashes = b"".join(short_hash(k + h.to_bytes(8, "big") + b) for k, h, b in rows)
        number = start // BATCH + 1
        database.execute(
            "insert into batch values(?,?)", (number, sodium.crypto_sign(hashes, secret))
        )
        database.executemany(
            "insert into engram(id,hlc,batch,body) values(?,?,?,?)",
            [(k, h, number, b) for k, h, b in rows],
        )
    database.execute("commit")
    database.execute("pragma wal_checkpoint(truncate)").fetchall()
    database.close()


class Channel:
    """A signed key exchange, then encrypted frames of a four-byte length."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._sent = self._received = 0
        self._send_key = self._receive_key = b""
        self.peer = b""
        self.bytes_received = 0

    async def agree(self, seed: bytes, *, server: bool) -> None:
        """Prove both keys over fresh X25519 shares."""
        public, secret = sodium.crypto_sign_seed_keypair(seed)
        ephemeral = secrets.token_bytes(32)
        hello = public + sodium.crypto_scalarmult_base(ephemeral)
        await self._stream.send_all(hello)
        other = await self._exactly(64)
        transcript = hello + other if server else other + hello
        await self._stream.send_all(sodium.crypto_sign(transcript, secret)[:64])
        sodium.crypto_sign_open(await self._exactly(64) + transcript, other[:32])
        shared = sodium.crypto_scalarmult(ephemeral, other[32:])
        keys = hashlib.blake2b(transcript, key=shared).digest()
        first, second = keys[:32], keys[32:]
        self._send_key, self._receive_key = (first, second) if server else (second, first)
        self.peer = other[:32]

    async def send(self, body: bytes) -> None:
        """Encrypt and send one frame."""
        self._sent += 1
        sealed = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
            body, b"", NONCE.pack(self._sent), self._send_key
        )
        await self._stream.send_all(LENGTH.pack(len(sealed)) + sealed)

    async def receive(self) -> bytes:
        """Receive and decrypt one frame."""
        (length,) = LENGTH.unpack(await self._exactly(4))
        sealed = await self._exactly(length)
        self._received += 1
        return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
            sealed, b"", NONCE.pack(self._received), self._receive_key
        )

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self._stream.receive_some(READ_BYTES)
            if not data:
                raise EOFError
            self._buffer += data
            self.bytes_received += len(data)
        out = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return out


def batches(database: sqlite3.Connection) -> Iterator[bytes]:
    """Node A's documents as frames of one signed batch each."""
    last = 0
    while True:
        rows = database.execute(
            "select seq,id,hlc,batch,body from engram where seq>? order by seq limit ?",
            (last, BATCH),
        ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        (signature,) = database.execute(
            "select signature from batch where n=?", (rows[0][3],)
        ).fetchone()
        yield cbor2.dumps(
            [signature, [r[1] for r in rows], [r[2] for r in rows], [r[4] for r in rows]]
        )


async def serve(path: Path) -> None:
    """Node A: print the port, send everything to the first caller."""
    database = open_database(path)
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    print(listener.socket.getsockname()[1], flush=True)
    channel = Channel(await listener.accept())
    await channel.agree(b"\1" * 32, server=True)
    await channel.receive()
    for body in batches(database):
        await channel.send(body)
    await channel.send(b"")
    await channel.receive()


class Sink:
    """Node B's side of one transfer: verify, open, index, insert."""

    def __init__(self, path: Path, options: set[str]) -> None:
        self._database = open_database(path)
        self.peer = b""
        """The key that must have signed; known once the channel is."""
        self._documents = "documents" in options
        self._index = "index" in options
        if self._index:
            self._database.execute('create virtual table text using fts5(body, content="")')
        self._batch = self._pending = 0
        self.count = 0
        self._database.execute("begin")

    def take(self, frame: bytes) -> None:
        """Store one batch; commits every ``COMMIT_EVERY`` documents."""
        signed, keys, clocks, bodies = cbor2.loads(frame)
        hashes = [
            short_hash(k + h.to_bytes(8, "big") + b)
            for k, h, b in zip(keys, clocks, bodies, strict=True)
        ]
        if sodium.crypto_sign_open(signed, self.peer) != b"".join(hashes):
            raise ValueError("the signed hashes are not those of the documents")
        self._batch += 1
        if self._documents:
            self._open(bodies)
        self._database.execute("insert into batch values(?,?)", (self._batch, signed))
        self._database.executemany(
            "insert into engram(id,hlc,batch,body) values(?,?,?,?)",
            zip(keys, clocks, [self._batch] * len(keys), bodies, strict=True),
        )
        self.count += len(keys)
        self._pending += len(keys)
        if self._pending >= COMMIT_EVERY:
            self._database.execute("commit")
            self._database.execute("begin")
            self._pending = 0

    def _open(self, bodies: list[bytes]) -> None:
        texts: list[tuple[str]] = []
        for body in bodies:
            document: Doc[Any] = Doc()
            document.apply_update(body)
            texts.append((document.get("engram", type=Map).to_py()["text"],))
        if self._index:
            self._database.executemany("insert into text(body) values(?)", texts)

    def finish(self) -> None:
        """The last commit."""
        self._database.execute("commit")


async def fetch(path: Path, port: int, options: set[str]) -> None:
    """Node B: fetch everything and print what it took."""
    sink = Sink(path, options)
    start = time.perf_counter()
    channel = Channel(await trio.open_tcp_stream("127.0.0.1", port))
    await channel.agree(b"\2" * 32, server=False)
    sink.peer = channel.peer
    await channel.send(b"all")
    while body := await channel.receive():
        sink.take(body)
    sink.finish()
    elapsed = time.perf_counter() - start
    await channel.send(b"done")
    print(
        json.dumps(
            {
                "engrams": sink.count,
                "seconds": elapsed,
                "per_second": round(sink.count / elapsed),
                "bytes": channel.bytes_received,
            }
        ),
        flush=True,
    )


def run_once(database: Path, options: set[str]) -> dict[str, float]:
    """One transfer between two fresh processes."""
    command = [sys.executable, "-m", "benchmarks.floor"]
    with tempfile.TemporaryDirectory(prefix="engram-floor-") as scratch:
        a = subprocess.Popen([*command, "--serve", str(database)], stdout=subprocess.PIPE)
        assert a.stdout is not None
        port = a.stdout.readline().decode().strip()
        b = subprocess.run(
            [*command, "--fetch", str(Path(scratch) / "b.db"), "--port", port, *sorted(options)],
            stdout=subprocess.PIPE,
            check=True,
        )
        a.wait(timeout=30)
        a.stdout.close()
    result: dict[str, float] = json.loads(b.stdout)
    return result


def floor_run(count: int, options: set[str], scratch: Path) -> dict[str, float]:
    """One transfer of ``count`` documents; the database is built once per ``scratch``."""
    database = scratch / f"floor-{count}.db"
    if not database.exists():
        build(database, count)
    return run_once(database, options)


def floor_rate(count: int, options: set[str], scratch: Path) -> float:
    """Engrams per second of one transfer."""
    return floor_run(count, options, scratch)["per_second"]


def commits_per_second(count: int, scratch: Path) -> float:
    """Durable single-row commits per second: the floor of ``remember``."""
    database = open_database(scratch / "commits.db")
    start = time.perf_counter()
    for index in range(count):
        row = (index.to_bytes(16, "big"), index, 0, secrets.token_bytes(400))
        database.execute("insert into engram(id,hlc,batch,body) values(?,?,?,?)", row)
    elapsed = time.perf_counter() - start
    database.close()
    return count / elapsed


def commit_ms(scratch: Path) -> float:
    """The median of one durable single-row commit in milliseconds: the floor of a live push."""
    database = open_database(scratch / "live.db")
    waits: list[float] = []
    for index in range(200):
        start = time.perf_counter()
        row = (index.to_bytes(16, "big"), index, 0, secrets.token_bytes(400))
        database.execute("insert into engram(id,hlc,batch,body) values(?,?,?,?)", row)
        waits.append((time.perf_counter() - start) * 1e3)
    database.close()
    return sorted(waits)[len(waits) // 2]


def search_ms(count: int, questions: list[str], scratch: Path) -> float:
    """The median of one OR query in milliseconds over a bare full-text index."""
    database = open_database(scratch / "search.db", synchronous="off")
    database.execute('create virtual table text using fts5(body, content="")')
    database.execute("begin")
    database.executemany(
        "insert into text(rowid, body) values(?,?)",
        ((index + 1, sample(index).text) for index in range(count)),
    )
    database.execute("commit")
    waits: list[float] = []
    for question in questions:
        query = " OR ".join(f'"{word}"' for word in question.split())
        start = time.perf_counter()
        database.execute(
            "select rowid from text where text match ? order by rank limit 10", (query,)
        ).fetchall()
        waits.append((time.perf_counter() - start) * 1e3)
    database.close()
    return sorted(waits)[len(waits) // 2]


def main() -> None:
    """Command line; ``--serve`` and ``--fetch`` are the two halves that a run starts itself."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("words", nargs="*", help="count, then any of: documents index")
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--fetch", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.serve:
        trio.run(serve, arguments.serve)
    elif arguments.fetch:
        trio.run(fetch, arguments.fetch, arguments.port, set(arguments.words))
    else:
        count, options = int(arguments.words[0]), set(arguments.words[1:])
        with tempfile.TemporaryDirectory(prefix="engram-floor-") as scratch:
            rates = sorted(floor_rate(count, options, Path(scratch)) for _ in range(arguments.runs))
        print(json.dumps({"engrams": count, "options": sorted(options), "per_second": rates}))


if __name__ == "__main__":
    main()
