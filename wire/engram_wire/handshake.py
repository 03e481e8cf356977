"""Who is at the other end: transcripts, and the signatures over them.

Four frames: ``Hello_i`` and ``Hello_r`` without keys, then ``Ack_r`` and ``Ack_i``.  The transcript
of the first proof covers the channel, both Hellos as sent and the responder's key; that of the
second covers all of it and the initiator's key, and is the session's id.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

import nacl.bindings

from . import _limits
from ._message_types import Hello, HelloAck
from .cbor import encode
from .errors import (
    DuplicateError,
    ProtocolError,
    StrangerError,
    VersionError,
    WireError,
)
from .messages import (
    decode_hello_ack_untrusted,
    decode_hello_untrusted,
    encode_hello,
    encode_hello_ack,
)
from .records import check_key_untrusted, keyed_hash, verify_signature_untrusted

VERSIONS: Final = (2,)
"""Protocol versions that this code speaks."""

PERSON_TRANSCRIPT: Final = b"engram handshake"
DOMAIN_HANDSHAKE: Final = b"engram-sync/handshake/2\0"


MANDATORY_MARK: Final = "!"
"""Before the name of a capability without which its owner does not talk."""


class Role(Enum):
    """Which side of the connection; the value is the direction byte of what this side sends."""

    INITIATOR = 0
    RESPONDER = 1

    @property
    def peer(self) -> "Role":
        """The other side."""
        return Role.RESPONDER if self is Role.INITIATOR else Role.INITIATOR

    @property
    def byte(self) -> bytes:
        """This side in what is signed."""
        return bytes((self.value,))


class KeyPair(NamedTuple):
    """A node's own Ed25519 key pair."""

    public_key: bytes
    """32 bytes."""
    secret_key: bytes
    """64 bytes as libsodium keeps them: the seed and the public key."""


class Handshake:
    """What both sides have said so far, and what that proves.

    The state machine decides when each method is called; see ``Session`` for the arguments.

    Raises:
        ValueError: an argument has another size than the protocol gives it.
    """

    def __init__(
        self,
        role: Role,
        identity: KeyPair,
        *,
        nonce: bytes,
        channel_binding: bytes,
        expected_peer: bytes | None,
        capabilities: Sequence[str],
    ) -> None:
        sizes = (len(channel_binding), len(identity.public_key), len(identity.secret_key))
        if sizes != (_limits.HASH_BYTES, _limits.KEY_BYTES, _limits.SECRET_KEY_BYTES):
            raise ValueError(f"binding, public and secret key of {sizes} bytes, need (32, 32, 64)")
        self._own = Hello(VERSIONS, tuple(sorted(set(capabilities))), nonce)
        self.offered = _names(self._own)
        """What this side offers."""
        self.hello = encode_hello(self._own)
        """This side's Hello."""
        try:
            decode_hello_untrusted(self.hello)
        except WireError as error:
            raise ValueError(f"no valid Hello: {error}") from None
        self.peer: bytes | None = None
        """The peer's public key, once proven."""
        self.session_id: bytes | None = None
        """``T_i``, once the initiator's proof is made or verified."""
        self.capabilities: frozenset[str] = frozenset()
        """What both sides offer, once the peer's Hello is known, without marks."""
        self._role = role
        self._identity = identity
        self._binding = channel_binding
        self._expected_peer = expected_peer
        self._hellos = {role: self.hello}
        self._t_r = self._ack_r = b""

    def receive_hello_untrusted(self, data: bytes) -> None:
        """Take the peer's Hello.

        Raises:
            VersionError: no version in common, or one side demands what the other does not offer.
            ProtocolError: not a Hello, or our own one reflected.
        """
        hello = decode_hello_untrusted(data)
        if not set(hello.versions) & set(VERSIONS):
            raise VersionError(f"the peer speaks versions {hello.versions}, this node {VERSIONS}")
        if hello.nonce == self._own.nonce:
            raise ProtocolError("the peer sent this node's own nonce back")
        self._hellos[self._role.peer] = data
        self.capabilities = _names(hello) & self.offered
        demanded = {
            name[1:]
            for name in (*hello.capabilities, *self._own.capabilities)
            if name.startswith(MANDATORY_MARK)
        }
        if not demanded <= self.capabilities:
            raise VersionError(f"not offered by both: {sorted(demanded - self.capabilities)}")

    def prove(self) -> bytes:
        """This side's HelloAck."""
        transcript = self._transcript(self._role, self._identity.public_key)
        message = DOMAIN_HANDSHAKE + self._role.byte + transcript
        signature = nacl.bindings.crypto_sign(message, self._identity.secret_key)[:64]
        data = encode_hello_ack(HelloAck(self._identity.public_key, signature))
        self._keep(self._role, transcript, data)
        return data

    def receive_ack_untrusted(self, data: bytes) -> None:
        """Verify the peer's HelloAck; ``peer`` is set when it holds.

        Raises:
            StrangerError: not the peer that was expected.
            SignatureError: the key is no valid point, or the signature does not verify.
            DuplicateError: the peer has proven that it holds this node's own key.
            ProtocolError: not a HelloAck.
        """
        ack = decode_hello_ack_untrusted(data)
        if self._expected_peer is not None and ack.key != self._expected_peer:
            raise StrangerError("another node than the expected one answered")
        check_key_untrusted(ack.key)
        signer = self._role.peer
        transcript = self._transcript(signer, ack.key)
        message = DOMAIN_HANDSHAKE + signer.byte + transcript
        verify_signature_untrusted(ack.key, message, ack.signature, "handshake signature")
        if ack.key == self._identity.public_key:
            raise DuplicateError("the peer holds this node's own key")
        self.peer = ack.key
        self._keep(signer, transcript, data)

    def _transcript(self, signer: Role, key: bytes) -> bytes:
        if signer is Role.INITIATOR:
            return _hash([self._t_r, self._ack_r, key])
        hello_i, hello_r = self._hellos[Role.INITIATOR], self._hellos[Role.RESPONDER]
        return _hash([self._binding, hello_i, hello_r, key])

    def _keep(self, signer: Role, transcript: bytes, ack: bytes) -> None:
        if signer is Role.INITIATOR:
            self.session_id = transcript
        else:
            self._t_r, self._ack_r = transcript, ack


def _names(hello: Hello) -> frozenset[str]:
    return frozenset(name.removeprefix(MANDATORY_MARK) for name in hello.capabilities)


def _hash(parts: list[bytes]) -> bytes:
    return keyed_hash(PERSON_TRANSCRIPT, encode(parts))
