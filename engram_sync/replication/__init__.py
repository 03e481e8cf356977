"""Replication as a pure state machine: (event, now) -> effects.

Holds the exchange of one connection and the table of contacts.  It must never contain I/O, clocks,
randomness, storage or cryptography: the node performs the effects.
"""

from engram_sync.replication._effects import (
    Admit as Admit,
    Close as Close,
    CollectCredentials as CollectCredentials,
    Diverged as Diverged,
    Effect as Effect,
    Ingest as Ingest,
    Joined as Joined,
    Present as Present,
    ReadRuns as ReadRuns,
    Send as Send,
)
from engram_sync.replication._exchange import Exchange as Exchange
from engram_sync.replication._feed import PageEntry as PageEntry
from engram_sync.replication._peer_table import Contact as Contact, PeerTable as PeerTable
from engram_sync.replication._view import ScopeView as ScopeView

__all__ = [
    "Admit", "Close", "CollectCredentials", "Contact", "Diverged", "Effect", "Exchange", "Ingest",
    "Joined", "PageEntry", "PeerTable", "Present", "ReadRuns", "ScopeView", "Send",
]
