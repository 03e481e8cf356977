"""Invites: what a leader signs, and the text by which it travels to the one who is invited."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NoReturn, Self

import nacl.bindings

from engram_sync.errors import DeniedError, LocalError, UsageError
from engram_wire import (
    GRANT_BYTES_MAX,
    HASH_BYTES,
    KEY_BYTES,
    ProtocolError,
    SignatureError,
    WireError,
    cbor,
    verify_signature_untrusted,
)

from ._charter import MemberRole, is_number
from ._limits import (
    ADDRESS_CHARS_MAX,
    ADDRESSES_MAX,
    CHECKSUM_BYTES,
    EXPIRES_MS_MAX,
    SEED_BYTES,
    TOKEN_CHARS_MAX,
    USES_MAX,
)

DOMAIN_PROOF: Final = b"engram-sync/join/2\0"


def _message(scope: bytes, key: bytes, session: bytes) -> bytes:
    return DOMAIN_PROOF + cbor.encode([scope, key, session])


def make_proof(seed: bytes, *, scope: bytes, key: bytes, session: bytes) -> bytes:
    """Sign with an invite.

    Args:
        seed: The invite's 32 secret bytes.
        scope: The scope to join.
        key: The joiner's own public key.
        session: Id of the session with the node that admits.
    """
    _, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return nacl.bindings.crypto_sign(_message(scope, key, session), secret)[:64]


def verify_proof_untrusted(
    invite: bytes, proof: bytes, *, scope: bytes, key: bytes, session: bytes
) -> None:
    """Check ``make_proof`` against the invite's public key.

    Raises:
        SignatureError: It was made with another invite, for another key, scope or session.
    """
    verify_signature_untrusted(invite, _message(scope, key, session), proof, "proof of the invite")


PREFIX: Final = "engram2."
DOMAIN_GRANT: Final = b"engram-sync/invite/2\0"
_OTHER_VERSION = re.compile(r"engram\d+\.")
_ASK = "ask for a new one; a leader makes it with: engram-sync invite"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an invite gives."""

    scope: bytes
    """The scope it leads into."""
    invite: bytes
    """Public key of the invite."""
    role: MemberRole
    expires_ms: int
    """Milliseconds since 1970 after which no node admits by it."""
    uses: int
    """How many keys it admits."""

    def encode(self) -> bytes:
        """The bytes that the issuer signs."""
        return cbor.encode([1, self.scope, self.invite, int(self.role), self.expires_ms, self.uses])

    @classmethod
    def decode_untrusted(cls, data: bytes) -> Self:
        """Read what ``encode`` wrote.

        Raises:
            WireError: It is something else.
        """
        match cbor.decode_untrusted(data, bytes_max=GRANT_BYTES_MAX):
            case [version, bytes() as scope, bytes() as invite, int() as role, expires_ms, uses]:
                pass
            case _:
                raise ProtocolError("not the grant of an invite")
        if not is_number(version, 1):
            raise ProtocolError("the grant of an invite of another version")
        if len(scope) != HASH_BYTES or len(invite) != KEY_BYTES or type(role) is not int:
            raise ProtocolError("a grant without a scope, an invite or a role")
        if role not in (1, 2, 3):
            raise ProtocolError(f"a grant of role {role}")
        if type(expires_ms) is not int or not 0 <= expires_ms < EXPIRES_MS_MAX:
            raise ProtocolError("a grant that expires at no time")
        if type(uses) is not int or not 1 <= uses <= USES_MAX:
            raise ProtocolError("a grant for no number of keys")
        return cls(scope, invite, MemberRole(role), expires_ms, uses)


@dataclass(frozen=True, slots=True)
class SignedGrant:
    """A grant and its issuer's signature: what a JoinRequest carries."""

    issuer: bytes
    grant: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The bytes for ``JoinRequest.grant``."""
        return cbor.encode([self.issuer, self.grant, self.signature])

    @classmethod
    def decode_untrusted(cls, data: bytes) -> Self:
        """Read what ``encode`` wrote; ``open_untrusted`` verifies it.

        Raises:
            WireError: It is something else.
        """
        match cbor.decode_untrusted(data, bytes_max=GRANT_BYTES_MAX):
            case [bytes() as issuer, bytes() as grant, bytes() as signature]:
                return cls(issuer, grant, signature)
            case _:
                raise ProtocolError("not a signed grant")

    def open_untrusted(self) -> Grant:
        """The grant, once its signature is verified.

        Raises:
            WireError: The issuer did not sign it, or it is no grant.
        """
        what = "signature of the invite"
        verify_signature_untrusted(self.issuer, DOMAIN_GRANT + self.grant, self.signature, what)
        return Grant.decode_untrusted(self.grant)


@dataclass(frozen=True, slots=True)
class InviteToken:
    """Everything that the invited node needs.  Whoever holds it can join: it is a secret."""

    scope: bytes
    seed: bytes
    """Secret half of the invite, 32 bytes."""
    addresses: tuple[str, ...]
    """Where the issuer can be reached, as HOST:PORT."""
    signed: SignedGrant
    grant: Grant

    def __repr__(self) -> str:
        # The seed must not get into logs and tracebacks.
        return f"<InviteToken into {self.scope.hex()[:16]} as {self.grant.role.name.lower()}>"

    @property
    def issuer(self) -> bytes:
        """Key of the node that issued it, which is whom to expect at the addresses."""
        return self.signed.issuer

    def proof(self, *, key: bytes, session: bytes) -> bytes:
        """What ``JoinRequest.proof`` carries for this key in this session."""
        return make_proof(self.seed, scope=self.scope, key=key, session=session)

    def text(self) -> str:
        """The token as people pass it on: one word, safe in shells, URLs and chats."""
        body = cbor.encode(
            [
                1,
                self.scope,
                self.issuer,
                self.seed,
                list(self.addresses),
                self.signed.grant,
                self.signed.signature,
            ]
        )
        return PREFIX + _base64(body + _checksum(body))


def make_invite(
    scope: bytes,
    *,
    issuer: bytes,
    secret_key: bytes,
    seed: bytes,
    role: MemberRole,
    expires_ms: int,
    uses: int = 1,
    addresses: Sequence[str] = (),
) -> InviteToken:
    """Issue an invite.

    Args:
        scope: The scope to invite into.
        issuer: The issuing leader's public key.
        secret_key: Its 64 secret bytes.
        seed: 32 fresh bytes.
        role: What the invited become.
        expires_ms: When the invite ends, in milliseconds since 1970.
        uses: How many keys may redeem it.
        addresses: Where to reach the issuer.

    Raises:
        UsageError: An argument is outside what an invite can say.
    """
    if not 1 <= uses <= USES_MAX:
        raise UsageError(
            f"an invite for {uses} nodes", hint=f"choose a number of uses from 1 to {USES_MAX}"
        )
    if not 0 <= expires_ms < EXPIRES_MS_MAX:
        raise UsageError("an invite that never ends", hint="choose a shorter time to live")
    if len(addresses) > ADDRESSES_MAX or any(len(a) > ADDRESS_CHARS_MAX for a in addresses):
        raise UsageError(
            f"{len(addresses)} addresses do not fit an invite",
            hint=f"name at most {ADDRESSES_MAX} of at most {ADDRESS_CHARS_MAX} characters",
        )
    invite, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    grant = Grant(scope, invite, role, expires_ms, uses)
    body = grant.encode()
    signature = nacl.bindings.crypto_sign(DOMAIN_GRANT + body, secret_key)[:64]
    signed = SignedGrant(issuer, body, signature)
    return InviteToken(scope, seed, tuple(addresses), signed, grant)


def parse_token(text: str, *, now_ms: int) -> InviteToken:
    """Read a token that a person has pasted.

    Args:
        text: The token; white space that a terminal or a mail put into it does no harm.
        now_ms: Wall time, to tell an expired invite before asking anybody.

    Raises:
        UsageError: It is no token, or was cut or changed on its way.
        DeniedError: It is one, but nobody would be admitted by it.
    """
    token = "".join(text.split())
    if not token.startswith(PREFIX):
        raise _not_a_token(token)
    try:
        found = _read(_decode(token))
    except SignatureError:
        raise DeniedError("this invite was not issued by the node it names", hint=_ASK) from None
    except WireError:
        # The checksum is right, so nothing was lost: some other program made it.
        raise UsageError(
            "this invite holds something this version cannot read",
            hint="upgrade engram-sync, or " + _ASK,
        ) from None
    if now_ms > found.grant.expires_ms:
        seconds = (now_ms - found.grant.expires_ms) // 1000
        raise DeniedError(f"this invite expired {seconds} s ago", hint=_ASK)
    return found


def _not_a_token(token: str) -> LocalError:
    if _OTHER_VERSION.match(token):
        return UsageError(
            "this invite was made by another version", hint="upgrade engram-sync on both machines"
        )
    return UsageError(
        "this is not an invite" if token else "the invite is empty",
        hint=f"paste the whole word that `engram-sync invite` printed; it starts with {PREFIX}",
    )


def _decode(token: str) -> bytes:
    digits = token.removeprefix(PREFIX)
    try:
        if len(token) > TOKEN_CHARS_MAX:
            raise ValueError
        padded = digits + "=" * (-len(digits) % 4)
        data = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        _garbled()
    body, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    # Unused bits of the last character must be zero, or two texts would be one token.
    if checksum != _checksum(body) or _base64(data) != digits:
        _garbled()
    return body


def _garbled() -> NoReturn:
    raise UsageError(
        "this invite is incomplete or has a wrong character",
        hint="copy it again as one word, with nothing missing at its end",
    )


def _read(body: bytes) -> InviteToken:
    match cbor.decode_untrusted(body, bytes_max=TOKEN_CHARS_MAX):
        case [
            1,
            bytes() as scope,
            bytes() as issuer,
            bytes() as seed,
            list() as places,
            bytes() as grant,
            bytes() as signature,
        ]:
            pass
        case _:
            raise ProtocolError("not the content of a token")
    addresses = tuple(place for place in places if isinstance(place, str))
    if len(addresses) != len(places) or len(seed) != SEED_BYTES:
        raise ProtocolError("a token with a wrong address or seed")
    signed = SignedGrant(issuer, grant, signature)
    opened = signed.open_untrusted()
    invite, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    if opened.scope != scope or opened.invite != invite:
        raise SignatureError("the grant of another invite")
    return InviteToken(scope, seed, addresses, signed, opened)


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=CHECKSUM_BYTES, person=b"engram token").digest()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
