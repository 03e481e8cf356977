"""Reads a node's memories by what SPEC.md says, and nothing else of this project.

``reader.py TOKEN`` joins with an invite, under a key that it then forgets (the agent keeps a member
more), and prints each record as JSON.  ``reader.py --vectors FOLDER`` reads the test vectors.  It
verifies every chain and signature; it does not follow forks or seals, compress, or serve anything.
"""

import base64
import hashlib
import io
import json
import socket
import ssl
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

NAMES = "create update delete archive restore resolve join erase seal edit void ratify"
BODY = ("kind", "engram", "hlc", "deps", "auth", "shape", "superseded", "mark")
REQUEST, RESPONSE, ACK, JOIN, JOINED, PING, PONG, GOODBYE = range(2, 10)
write = partial(cbor2.dumps, canonical=True)


def need(holds: object, why: str) -> None:
    """Refuse unless something holds."""
    if not holds:
        raise ValueError(why)


def h(person: str, data: bytes, size: int = 32) -> bytes:
    """H of section 1."""
    return hashlib.blake2b(data, digest_size=size, person=f"engram {person}".encode()).digest()


def seen(value: Any) -> Any:
    """A value as JSON shows it, bytes as hexadecimal; an error for what only tags can say."""
    return json.loads(json.dumps(value, default=bytes.hex, allow_nan=False))


def read(data: bytes) -> Any:
    """Read deterministic CBOR; refuse any other spelling of it."""
    value = cbor2.loads(data)
    need(write(value) == data and [seen(value)], "not deterministic CBOR")
    return value


class Replica:
    """The logs of one scope: name to records, of which the first stands for none."""

    def __init__(self, scope: bytes) -> None:
        self.scope, self.signatures = scope, 0
        self.logs: dict[bytes, list[Any]] = {}

    def take(self, announcement: Any, raw: bytes) -> list[int]:
        """Chain and verify a frame of an announced log; returns what to acknowledge."""
        ref, domain, author, incarnation, branch = announcement
        need(branch is None, "a log that forked, which this reader does not follow")
        log = h("log", write(["engram-sync/log/2", domain, self.scope, author, incarnation]))
        held = self.logs.get(log, [{"id": log}])
        named, first, offsets, signatures, shapes, index, engrams, ms, steps, *rest = read(raw)
        (counters, pasts, cells, context, marks), chain = rest, held[:first]
        need(named == ref and len(chain) == first and offsets[-1] + 1 == len(cells), "a lost frame")
        found = {n: deps + auth for n, deps, auth in context or ()}
        columns = [column or [0] * len(cells) for column in (index, counters, pasts)]
        rows = zip(*columns, [0, *steps], cells, strict=True)
        for n, (shape, count, past, step, cell) in enumerate(rows):
            ms += step
            head = shapes[shape][:1] + write(engrams[16 * n :][:16]) + write(ms << 16 | count)
            tail = found.get(n, b"\x80\xf6") + shapes[shape][1:] + (past or b"\x80")
            hashed = h("payload", cell) if isinstance(cell, bytes) else cell[0]
            mark = write(int(n in offsets or n in (marks or ())))
            seq, body = first + n, b"\x88" + head + tail + mark
            i = h("record", chain[-1]["id"] + seq.to_bytes(8, "big") + hashed + body)
            r = dict(zip(BODY, read(body), strict=True)) | {"seq": seq, "id": i, "body": body}
            r |= {"payload": cell if isinstance(cell, bytes) else None, "payload_hash": hashed}
            chain.append(r | {"author": author})
        for offset, at in zip(offsets, range(0, len(signatures), 64), strict=True):
            signed = b"engram-sync/record/2\0" + chain[first + offset]["id"]
            VerifyKey(author).verify(signed, signatures[at : at + 64])
        self.signatures += len(offsets)
        self.logs[log] = max(chain, held, key=len)
        return [ref, len(chain) - 1]

    def clock(self) -> tuple[bytes, list[Any]]:
        """The digest of the positions of all logs when nothing is sealed, and they themselves."""
        every: list[Any] = [
            [log, len(held) - 1, held[-1]["id"]] for log, held in sorted(self.logs.items())
        ]
        terms = [h("position", log + seq.to_bytes(8) + head) for log, seq, head in every]
        total = sum(int.from_bytes(term) for term in terms) % (1 << 256)
        return h("clock", total.to_bytes(32) + bytes(32)), every


class Session:
    """The initiator's side of a session; ``ways`` are how to read some bytes and write all."""

    def __init__(self, ways: Any, binding: bytes, key: Any, hello: bytes, peer: bytes) -> None:
        (self.source, self.sink), self.key, self.peer, self.counts = ways, key, peer, [0, 0]
        self._put(hello)
        theirs, ack = self._get(4096), self._get(4096)
        (_, versions, capabilities, _), (_, said, proof) = read(theirs), read(ack)
        need(2 in versions and "!" not in str(capabilities), "no version in common")
        need(said == peer, "another node than the one that invites")
        domain, mine = b"engram-sync/handshake/2\0", bytes(key.verify_key)
        t_r = h("handshake", write([binding, hello, theirs, peer]))
        VerifyKey(peer).verify(domain + b"\1" + t_r, proof)
        self.id = h("handshake", write([t_r, ack, mine]))
        self._put(write([1, mine, key.sign(domain + b"\0" + self.id).signature]))

    def _put(self, data: bytes) -> None:
        self.sink(len(data).to_bytes(4, "big") + data)

    def _get(self, limit: int = 2**20) -> bytes:
        size = int.from_bytes(self.source(4), "big")
        need(0 < size <= limit, "the node hung up, or what it sent is no message")
        return bytes(self.source(size))

    def _covered(self, role: int, items: bytes) -> bytes:
        data = self.id + bytes([role]) + self.counts[role].to_bytes(8, "big") + items
        self.counts[role] += 1
        return b"engram-sync/envelope/2\0" + h("envelope", data)

    def send(self, kind: int, *fields: Any, ms: int = 0) -> None:
        """Send one message in its envelope."""
        sender, ms = bytes(self.key.verify_key)[:8], ms or time.time_ns() // 1_000_000
        items = write([2, kind, sender, ms, write(fields)])[1:]
        self._put(b"\x86" + items + write(self.key.sign(self._covered(0, items)).signature))

    def receive(self, wanted: int | None = None) -> tuple[int, Any]:
        """The next message, or the next of one type; others are answered where they must be."""
        while True:
            raw = self._get()
            VerifyKey(self.peer).verify(self._covered(1, raw[1:-66]), raw[-64:])
            version, kind, sender, _, payload, _ = read(raw)
            need(version == 2 and sender == self.peer[:8], "an envelope of another kind")
            fields = read(payload)
            if wanted in {None, kind}:
                return kind, fields
            need(kind != GOODBYE, f"the node says goodbye: {fields}")
            if kind == PING:
                self.send(PONG, fields[0], [])


def visit(text: str) -> Replica:
    """Join with a token and catch up; returns what was received and verified."""
    name, _, coded = text.strip().partition(".")
    raw = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
    need(name == "engram2" and h("token", raw[:-4], 4) == raw[-4:], "this is no token")
    _, scope, issuer, seed, addresses, grant, signature = read(raw[:-4])
    host, _, port = addresses[0].rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    key, replica, refs = SigningKey.generate(), Replica(scope), dict[int, Any]()
    status, summary = 0, list[Any]()
    with context.wrap_socket(socket.create_connection((host.strip("[]"), int(port)), 30)) as tls:
        binding = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").digest()
        hello = write([0, [2], [], bytes(SigningKey.generate())])
        talk = Session((tls.makefile("rb").read, tls.sendall), binding, key, hello, issuer)
        proof = b"engram-sync/join/2\0" + write([scope, bytes(key.verify_key), talk.id])
        proof, grant = SigningKey(seed).sign(proof).signature, write([issuer, grant, signature])
        talk.send(JOIN, scope, scope, grant, proof, "reader")
        accepted, reason, _, _ = talk.receive(JOINED)[1]
        need(accepted, f"not admitted: {reason}")
        talk.send(REQUEST, 1, scope, *replica.clock(), None, [])
        while status != 1:
            _, status, announcements, frame, summary = talk.receive(RESPONSE)[1]
            need(status in {0, 1}, f"the request is answered with status {status}")
            refs |= {announcement[0]: announcement for announcement in announcements}
            if frame is not None:
                talk.send(ACK, 1, [replica.take(refs[read(frame)[0]], frame)], None, [])
        need(summary[0] == replica.clock()[0], "the clocks differ: something is missing")
        talk.send(GOODBYE, 0, "")
    return replica


def flat(v: Any) -> Any:
    """The array that travels for what a vector states with names."""
    if not isinstance(v, dict):
        return [flat(item) for item in v] if isinstance(v, list) else v
    if "sealed" in v:  # Stated last, and as the digest of none for null.
        v["sealed"] = v["sealed"] if v["sealed"][0] else None
        v["credentials"] = v.pop("credentials")
    v |= {"answers": [a or [0] for a in v["answers"]]} if "answers" in v else {}
    return [1] * ("entries" in v) + [2] * ("parts" in v) + [flat(item) for item in v.values()]


def check(folder: Path) -> dict[str, int]:
    """Hold this reader against the vectors; returns how many it read."""
    names, unhex, done = ("messages", "records", "sessions"), bytes.fromhex, dict[str, int]()
    messages, records, sessions = (json.loads((folder / f"{n}.json").read_text()) for n in names)

    def same(name: str, got: Any, stated: Any) -> None:
        need(seen(got) == stated, f"{name}: {seen(got)} is not {stated}")
        done[name] = done.get(name, 0) + 1

    for v in messages:
        same("messages", read(unhex(v["hex"])), [v["type"]] * (v["type"] < 2) + flat(v["fields"]))
    replica = Replica(unhex(records["logs"][0]["scope"]))
    for v in records["logs"]:
        said = [unhex(x) if isinstance(x, str) else x for x in v["announcement"].values()]
        for form in ("frame_without_payloads", "frame"):
            same("frames", replica.take(said, unhex(v[form])), [said[0], len(v["records"])])
        for got, stated in zip(replica.logs[unhex(v["id"])][1:], v["records"], strict=True):
            got["shape"] = write(got["shape"])
            same("records", {name: got[name] for name in stated}, stated)
    same("clocks", list(replica.clock()), [records["clock_digest"], flat(records["clock"])])
    setup, key = sessions["setup"], SigningKey(unhex(sessions["setup"]["initiator"]["seed"]))
    for v in sessions["sessions"]:
        sides: dict[str, bytearray] = {"initiator": bytearray(), "responder": bytearray()}
        for step in v["steps"]:
            sides[step["from"]] += unhex(step["hex"])
        sent, hello = bytearray(), unhex(v["steps"][0]["hex"])[4:]
        ways, peer = (io.BytesIO(sides["responder"]).read, sent.extend), setup["responder"]
        talk = Session(ways, unhex(setup["binding"]), key, hello, unhex(peer["public_key"]))
        for step in v["steps"][4:]:
            _, kind, _, ms, payload, _ = read(unhex(step["hex"])[4:])
            same("envelopes", [ms, *read(payload)], [step["timestamp"], *flat(step["fields"])])
            if step["from"] == "initiator":
                talk.send(kind, *read(payload), ms=ms)
            need(step["from"] == "initiator" or talk.receive() == (kind, read(payload)), "another")
        same("sessions", [talk.id, bytes(sent)], [v["session_id"], sides["initiator"].hex()])
    return done


def main() -> None:
    """Read a node's memories, or the vectors."""
    try:
        if sys.argv[1:2] == ["--vectors"] and len(sys.argv) == 3:
            sys.stdout.write(json.dumps(check(Path(sys.argv[2]))) + "\n")
            return
        need(len(sys.argv) == 2, "give it a token, or --vectors FOLDER")
        replica = visit(sys.argv[1])
        records = [r for held in replica.logs.values() for r in held[1:]]
        for r in sorted((r for r in records if r["kind"] < 16), key=lambda r: r["hlc"]):
            values = r["payload"] and read(r["payload"])[1]
            kind = dict(enumerate(NAMES.split())).get(r["kind"], "unknown")
            line = {"engram": r["engram"], "kind": kind, "author": r["author"]}
            line |= {"collections": r["shape"], "values": values}
            sys.stdout.write(json.dumps(seen(line)) + "\n")
        sys.stderr.write(f"verified {len(records)} records, {replica.signatures} signatures\n")
    except (LookupError, OSError, TypeError, ValueError, CryptoError, cbor2.CBORError) as error:
        sys.exit(f"reader: {error}")


if __name__ == "__main__":
    main()
