"""What this node has written into a log that another copy of it has voided.

A copy of a home, or a backup of it, goes on in a log that its original may have ended since because
somebody refused a record there.  What the copy has written is void then, and the original did not
know of it.  Whichever copy learns of that ratifies it, be it written or received there.
"""

from contextlib import suppress
from functools import partial

import trio

from engram_sync.errors import LocalError, UsageError
from engram_sync.ledger import Draft
from engram_sync.node.core import Core
from engram_sync.node.home.own_logs import void_elsewhere_key
from engram_sync.node.limits import VOID_RETRY_S
from engram_sync.node.writing.refused_logs import said
from engram_sync.node.writing.rules import StoredHistory
from engram_sync.node.writing.write_path import WritePath
from engram_sync.observe import Logger
from engram_sync.store import Reader, Transaction

log = Logger("background")


async def ratify_forever(core: Core) -> None:
    """Ratify what is void, once everything has been taken that came with the news of that."""

    def left(reader: Reader) -> set[bytes]:
        return {row.id for row in reader.scopes() if reader.meta(void_elsewhere_key(row.id))}

    due = core.path.own.void_elsewhere
    with suppress(LocalError):  # A store that cannot be read is told of elsewhere.
        due |= await core.read(left)
    while True:
        while not due or core.receiving():
            await core.wait_change()
        scope = due.pop()
        try:
            await core.write(partial(ratify, core.path, scope=scope))
        except LocalError as error:
            due.add(scope)
            log.warning("what is void cannot be ratified", reason=error.message)
            await trio.sleep(VOID_RETRY_S)


def ratify(path: WritePath, tx: Transaction, *, scope: bytes) -> None:
    """Ratify every record of this node that is void, and was not ratified by another copy."""
    history = StoredHistory(tx, path.ledger)
    drafts: list[Draft] = []
    for ended in path.own.with_void_ends(scope):
        _, ratifies = said(path, tx, ended, ended.stands(ended.seq), history)
        drafts += [draft for found in ratifies.values() for draft in found]
    drafts = [draft for draft in drafts if not _counts(path, tx, scope, draft)]
    if drafts:
        try:
            path.write(tx, scope, drafts)
        except UsageError:
            for draft in drafts:
                with suppress(UsageError):  # It is not valid: then it counts for nobody.
                    path.write(tx, scope, [draft])
        # What an own record changes is shown without looking back, and this one looks back.
        path.rebuild(tx, scope, {draft.engram for draft in drafts})
    tx.delete_meta(void_elsewhere_key(scope))


def _counts(path: WritePath, tx: Transaction, scope: bytes, draft: Draft) -> bool:
    (name,) = draft.superseded
    named = path.ledger.log_by_id(scope, name.log or b"")
    return named is None or tx.cut(named.n) is not None or tx.counts(named.n, name.clock)
