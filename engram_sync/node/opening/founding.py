"""The first opening of a home: identity, the instance's own scope, and the agent it founds."""

import uuid

from engram_sync.api import Scope
from engram_sync.errors import CorruptError, UsageError
from engram_sync.host import Clock, Entropy
from engram_sync.membership import charter_draft, commitment_to, found, label_draft
from engram_sync.node.core import Facts
from engram_sync.node.home.files import NodeKey
from engram_sync.node.writing.scopes import add_scope
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import Reader, Transaction
from engram_wire import LABEL_BYTES_MAX, LogDomain, is_printable

SECRET_BYTES = 32
NONCE_BYTES = 16
STORE_ID_BYTES = 16

META_KEY = "node_key"
META_STORE = "store_id"
META_INSTANCE = "instance_id"
META_CREATED = "instance_created_at"
META_LABEL = "instance_label"


def checked_label(label: str) -> str:
    """A display name that is safe to show.

    Raises:
        UsageError: It is empty, too long, or holds what cannot be shown, as no peer would take it.
    """
    size = len(label.encode())
    strange = next((f"a text with U+{ord(c):04X}" for c in label if not is_printable(c)), "")
    long = f"a text of {size} bytes" if not 0 < size <= LABEL_BYTES_MAX else ""
    if strange or long:
        raise UsageError(
            f"{strange or long} cannot be a label",
            hint=f"use 1 to {LABEL_BYTES_MAX} bytes of printable text, with plain spaces only",
        )
    return label


def store_id(reader: Reader) -> bytes | None:
    """What names this store to its witness; None before it was founded."""
    return reader.meta(META_STORE)


def found_node(
    tx: Transaction, path: WritePath, key: NodeKey, label: str, clock: Clock, entropy: Entropy
) -> None:
    """Write who this node is and found its two scopes, all in one transaction.

    The identity is written with the first records, so that no store ever exists without one.
    """
    tx.put_meta(META_KEY, key.public)
    tx.put_meta(META_STORE, entropy(STORE_ID_BYTES))
    tx.put_meta(META_INSTANCE, uuid.UUID(bytes=entropy(16), version=4).bytes)
    tx.put_meta(META_CREATED, clock.now_ms().to_bytes(8, "big"))
    tx.put_meta(META_LABEL, label.encode())
    for kind in (Scope.INSTANCE, Scope.AGENT):
        found_scope(tx, path, key, kind, label, entropy)


def relabel(tx: Transaction, path: WritePath, key: NodeKey, label: str) -> None:
    """Change the display name, here and in every scope this node belongs to.

    Raises:
        UsageError: It cannot be shown.
    """
    checked_label(label)
    tx.put_meta(META_LABEL, label.encode())
    for row in tx.scopes():
        if path.charters.of(row.id).role(key.public) is not None:
            path.write(tx, row.id, [label_draft(key.public, label)], LogDomain.MEMBERS)


def found_scope(
    tx: Transaction,
    path: WritePath,
    key: NodeKey,
    kind: Scope,
    label: str,
    entropy: Entropy,
    *,
    current: bool = True,
) -> bytes:
    """Found a scope with this node as its leader; returns its id."""
    nonce, secret = entropy(NONCE_BYTES), entropy(SECRET_BYTES)
    charter = found(str(kind), key.public, nonce=nonce, commitment=commitment_to(secret))
    scope = charter.scope_id()
    add_scope(tx, path, scope, kind, secret, current=current)
    path.write(tx, scope, [charter_draft(charter, label)], LogDomain.MEMBERS)
    return scope


def facts_of(reader: Reader, key: NodeKey) -> Facts:
    """Who this node is, as its store says.

    Raises:
        CorruptError: The store belongs to another key, or is incomplete.
    """
    stored = {name: reader.meta(name) for name in (META_KEY, META_INSTANCE, META_CREATED)}
    if stored[META_KEY] != key.public:
        raise CorruptError(
            "the store in this home belongs to another node key",
            hint="put the node.key and store.db of one backup together",
        )
    scopes = {row.kind: row.id for row in reader.scopes() if row.current}
    instance, created = stored[META_INSTANCE], stored[META_CREATED]
    if instance is None or created is None or not {"instance", "agent"} <= scopes.keys():
        raise CorruptError("the store holds no identity", hint="restore the home from a backup")
    return Facts(
        label=(reader.meta(META_LABEL) or b"").decode(),
        instance_id=str(uuid.UUID(bytes=instance)),
        created_at_ms=int.from_bytes(created, "big"),
        current=scopes,
    )
