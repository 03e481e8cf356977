"""How results look to people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._output import at, first_line, pairs, print_line, print_table, print_text, short

if TYPE_CHECKING:
    from engram_sync.results import (
        Conflict,
        Engram,
        HistoryEntry,
        Hit,
        PeerStatus,
        Sibling,
        Status,
        SyncResult,
    )

LABEL_COLUMNS = 11


def print_hits(hits: "Sequence[Hit]") -> None:
    """Answers of recall, best first."""
    if not hits:
        print_line("nothing found")
    for hit in hits:
        engram = hit.engram
        print_line(f"{hit.score:.2f}  {_headline(engram)}")
        print_line(f"      {engram.id}  {_byline(engram)}")


def print_list(engrams: "Sequence[Engram]") -> None:
    """Memories, one line each."""
    for engram in engrams:
        print_line(f"{engram.id}  {at(engram.updated_at_ms)}  {_headline(engram)}")


def print_engram(engram: "Engram") -> None:
    """One memory with everything about it."""
    provenance = engram.provenance
    author = _author(provenance.label, provenance.node)
    rows = {
        "id": engram.id,
        "version": engram.version,
        "type": f"{engram.type}, scope {engram.scope}",
        "title": engram.title,
        "category": engram.category,
        "tags": " ".join(engram.tags),
        "confidence": f"{engram.confidence:g}",
        "metadata": pairs(engram.metadata),
        "belief": "; ".join(pairs(belief) for belief in engram.belief),
        "life": engram.life + (f": {engram.reason}" if engram.reason else ""),
        "written": f"{at(provenance.written_at_ms)} by {author}",
        "created": at(engram.created_at_ms),
    }
    for name, value in rows.items():
        if value:
            print_line(f"{name:<{LABEL_COLUMNS}}{value}")
    print_line()
    print_text(engram.content)
    if engram.siblings:
        print_line()
        print_line("Concurrent edits that nobody has resolved:")
        print_siblings(engram.siblings)


def print_siblings(siblings: "Sequence[Sibling]") -> None:
    """Live values side by side."""
    for sibling in siblings:
        author = _author(sibling.label, sibling.node)
        print_line(f"  {sibling.field}, {author}, {at(sibling.written_at_ms)}:")
        print_text(sibling.value, indent="    ")


def print_history(entries: "Sequence[HistoryEntry]") -> None:
    """Every change of one memory."""
    for entry in entries:
        live = "live" if entry.live else "superseded"
        author = _author(entry.label, entry.node)
        print_line(f"{at(entry.written_at_ms)}  {entry.kind:<8} {author}  ({live})")
        for name, value in entry.fields.items():
            print_line(f"    {first_line(pairs({name: value}), 90)}")


def print_conflicts(conflicts: "Sequence[Conflict]") -> None:
    """Open conflicts with all their siblings."""
    if not conflicts:
        print_line("no conflicts")
    for conflict in conflicts:
        print_line(f"{conflict.kind} conflict in {conflict.field} of {conflict.engram}")
        print_line(f"  version {conflict.engram_version}")
        print_siblings(conflict.siblings)


def print_peers(peers: "Sequence[PeerStatus]") -> None:
    """Peers with how they were found and how it goes."""
    if not peers:
        print_line("no peers")
        return
    print_table(
        ("label", "node", "role", "state", "via", "address", "last success", "problem"),
        (
            (
                peer.label,
                short(peer.node),
                peer.role,
                peer.state + ("" if peer.connected else ", not connected"),
                f"via={peer.via}" if peer.via else "",
                peer.address,
                at(peer.last_success_ms),
                peer.last_error,
            )
            for peer in peers
        ),
    )


def print_sync(result: "SyncResult") -> None:
    """How a sync ended, for all and per peer."""
    detail = f": {result.detail}" if result.detail else ""
    print_line(f"{result.state}{detail}, {result.synced_count} memories changed here")
    for peer in result.peers:
        reason = f": {peer.detail}" if peer.detail else ""
        author = _author(peer.label, peer.node)
        print_line(f"  {author}: {peer.state}, {peer.received} in, {peer.sent} out{reason}")
    if result.conflicts:
        print_line(f"  open conflicts: {len(result.conflicts)}; see: engram-sync conflicts")


def print_status(status: "Status") -> None:
    """The truth about a node on one screen."""
    identity = status.identity
    rows = {
        "node": f"{identity.label} ({identity.node})",
        "home": identity.home,
        "agent": identity.agent,
        "running": "yes" if status.running else "no",
        "network": status.network,
        "listening": " ".join(status.listen),
        "health": status.health,
        "sync": status.sync,
        "earlier": f"{status.earlier_memories} memories" if status.earlier_memories else "",
    }
    for name, value in rows.items():
        if value:
            print_line(f"{name:<{LABEL_COLUMNS}}{value}")
    for problem in status.problems:
        print_line(f"{'problem':<{LABEL_COLUMNS}}{problem}")
    print_table(
        ("scope", "id", "memories", "deleted", "records", "lag", "conflicts", "synced", "digest"),
        (
            (
                scope.kind + (" *" if scope.current else ""),
                short(scope.id),
                f"{scope.engrams:,}",
                f"{scope.deleted:,}",
                f"{scope.records:,}",
                f"{scope.lag:,}",
                f"{scope.conflicts:,}",
                f"{scope.synced_peers}/{scope.peers}",
                scope.digest[:16] or "not yet",
            )
            for scope in status.scopes
        ),
    )
    if status.peers:
        print_peers(status.peers)


def _headline(engram: "Engram") -> str:
    text = engram.title or first_line(engram.content, 100)
    tags = "".join(f" #{tag}" for tag in engram.tags)
    conflict = " [conflict]" if engram.siblings else ""
    return text + tags + conflict


def _byline(engram: "Engram") -> str:
    provenance = engram.provenance
    confidence = f"confidence {engram.confidence * provenance.trust:.2f}"
    return f"{provenance.label}, {at(provenance.written_at_ms)}, {confidence}"


def _author(label: str, node: str) -> str:
    return f"{label} ({short(node)})" if label else short(node)
