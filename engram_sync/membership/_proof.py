"""The proof that a joiner holds an invite: a signature that fits one key in one session only."""

from typing import Final

import nacl.bindings

from engram_wire import cbor, verify_signature_untrusted

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
