"""How results look to people."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from ._output import at, first_line, pairs, plain, print_line, print_table, print_text, short
from ._settling import settling

if TYPE_CHECKING:
    from engram_sync.api import (
        Conflict,
        Engram,
        ErasureStatus,
        Event,
        HistoryEntry,
        Hit,
        PeerStatus,
        Refinement,
        Sibling,
        Status,
        SyncResult,
    )

LABEL_COLUMNS = 11
NO_VALUES = ("erase", "seal", "join")
"""Kinds of records that say nothing which could be replaced."""


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
    counters = {name: str(total) for name, total in engram.counters.items()}
    rows = {
        "id": engram.id,
        "version": engram.version,
        "type": f"{engram.type or 'unknown'}, scope {engram.scope}",
        "title": engram.title,
        "category": engram.category,
        "tags": " ".join(engram.tags),
        "confidence": f"{engram.confidence:g}",
        "epistemic": engram.epistemic,
        "reported": _source(engram),
        "metadata": pairs(engram.metadata),
        "counters": pairs(counters),
        "life": engram.life + (f": {engram.reason}" if engram.reason else ""),
        "erased": "values of it are gone for good" if engram.erased else "",
        "written": f"{at(provenance.written_at_ms)} by {author}",
        "created": at(engram.created_at_ms),
        "text": "collaborative: takes --insert and --delete" if engram.collaborative else "",
    }
    print_rows(rows)
    for belief in engram.belief:
        print_rows({"belief": opinion(belief)})
    for note in engram.notes:
        print_rows({"note": note})
    if engram.content or not engram.erased:
        print_line()
        print_text(engram.content)
    if engram.events:
        print_line()
        print_line("Events, oldest first:")
        _print_events(engram.events)
    for head in engram.skill:
        print_line()
        _print_refinement(head)
    if engram.siblings:
        print_line()
        print_line("Concurrent edits that nobody has resolved:")
        print_siblings(engram.siblings)
    if engram.left_out:
        print_line()
        parts = ", ".join(f"{count:,} of {name}" for name, count in engram.left_out.items())
        print_line(f"Too much to show: {parts}; history has all of it, a page at a time.")


def print_rows(rows: "Mapping[str, str]") -> None:
    """Names and values below each other; what is empty is left out."""
    for name, value in rows.items():
        if value:
            print_line(f"{name:<{LABEL_COLUMNS}}{value}")


def opinion(belief: "Mapping[str, object]") -> str:
    """A belief as a sentence of its own making."""
    words = " ".join(str(belief.get(name, "")) for name in ("subject", "relation", "object"))
    denied = "" if belief.get("polarity", True) else "NOT "
    confidence = belief.get("confidence", 1.0)
    return f"{denied}{words}" + (f" (confidence {confidence})" if confidence != 1.0 else "")


def _source(engram: "Engram") -> str:
    found = engram.reported
    return (
        "" if found is None else f"by {_author(found.label, found.source)}, trust {found.trust:g}"
    )


def _print_events(events: "Sequence[Event]") -> None:
    for event in events:
        amended = ", amended" if event.amended else ""
        author = _author(event.label, event.node)
        print_line(f"  {event.id}  {at(event.written_at_ms)}, {author}{amended}")
        print_text(plain(event.value), indent="    ")


def _print_refinement(head: "Refinement") -> None:
    name = str(head.skill.get("name", ""))
    print_line(f"Skill {name}, version {head.id} by {_author(head.label, head.node)}:")
    steps = head.skill.get("steps")
    if isinstance(steps, list):
        for number, step in enumerate(cast("list[object]", steps), 1):
            print_text(f"{number}. {plain(step)}", indent="  ")
    else:
        print_text(plain(head.skill.get("text", "")), indent="  ")


def print_siblings(siblings: "Sequence[Sibling]") -> None:
    """Live values side by side."""
    for sibling in siblings:
        author = _author(sibling.label, sibling.node)
        name = f" {sibling.id}" if sibling.id else ""
        print_line(f"  {sibling.field}{name}, {author}, {at(sibling.written_at_ms)}:")
        print_text(sibling.value, indent="    ")


def print_history(entries: "Sequence[HistoryEntry]") -> None:
    """Every change of one memory."""
    for entry in entries:
        author = _author(entry.label, entry.node)
        print_line(f"{at(entry.written_at_ms)}  {entry.kind:<8} {author}{_fate(entry)}")
        for name, value in entry.fields.items():
            missing = "(erased)" if entry.erased else "(not held here)"
            shown = missing if value is None else value
            print_line(f"    {first_line(pairs({name: shown}), 90)}")
        for name in entry.superseded_by:
            log, _, seq = name.rpartition(":")
            print_line(f"    superseded by record {seq} of log {short(log)}")


def _fate(entry: "HistoryEntry") -> str:
    """What has become of what a record said."""
    if entry.kind in NO_VALUES:
        return ""
    return "  (erased)" if entry.erased else "  (live)" if entry.live else "  (superseded)"


def print_conflicts(conflicts: "Sequence[Conflict]", typed: "Callable[[str], str]") -> None:
    """Open conflicts with all their siblings, and what to type to settle them.

    Args:
        conflicts: What nobody has resolved.
        typed: Makes a whole command line for this home.
    """
    if not conflicts:
        print_line("no conflicts")
    for conflict in conflicts:
        print_line(f"{conflict.kind} conflict in {conflict.field} of {conflict.engram}")
        print_line(f"  version {conflict.engram_version}")
        print_siblings(conflict.siblings)
        if conflict.left_out:
            command = typed(f"history {conflict.engram}")
            print_line(f"  and {conflict.left_out:,} more, too many to show; see: {command}")
        for number, command in enumerate(settling(conflict)):
            print_line(f"  {'or       ' if number else 'settle it'}: {typed(command)}")


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


def print_sync(result: "SyncResult", conflicts_command: str) -> None:
    """How a sync ended, for all and per peer, and what to type to see the conflicts."""
    detail = f": {result.detail}" if result.detail else ""
    print_line(f"{result.state}{detail}, {result.synced_count} memories changed here")
    for peer in result.peers:
        reason = f": {peer.detail}" if peer.detail else ""
        author = _author(peer.label, peer.node)
        print_line(f"  {author}: {peer.state}, {peer.received} in, {peer.sent} out{reason}")
    if result.conflicts:
        print_line(f"  open conflicts: {len(result.conflicts)}; see: {conflicts_command}")


def print_status(status: "Status") -> None:
    """The truth about a node on one screen."""
    identity = status.identity
    print_rows(
        {
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
    )
    for problem in status.problems:
        print_rows({"problem": problem})
    print_rows(_missing(status))
    for lack in status.missing:
        values = "1 value" if lack.values == 1 else f"{lack.values:,} values"
        author = _author(lack.label, lack.node)
        print_rows({"missing": f"{values} of {lack.engram}, written by {author}"})
    for fork in status.forks:
        ways = f"forked into {len(fork.branches)} branches after record {fork.seq}"
        author = _author(fork.label, fork.node)
        print_rows({"fork": f"log {short(fork.log)} of {author} {ways}"})
    for gone in status.let_go:
        why = "was admitted beyond the uses of an invite, and is no member; a new invite admits it"
        print_rows({"let go": f"{_author(gone.label, gone.node)} {why}"})
    for erasure in status.erasures:
        print_rows({"erasure": f"{erasure.engram}, asked {at(erasure.asked_at_ms)}"})
        print_confirmations(erasure)
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


def print_confirmations(erasure: "ErasureStatus") -> None:
    """How far an erasure has got, by what the members claim."""
    print_line(f"  confirmed by: {', '.join(erasure.confirmed) or 'nobody yet'}")
    print_line(f"  waiting for:  {', '.join(erasure.waiting) or 'nobody'}")
    for copy in erasure.copies:
        print_line(f"  not reached:  {copy}, which was made from it")


def _missing(status: "Status") -> dict[str, str]:
    """What is stored and not shown, or known of and not here."""
    rows: dict[str, str] = {}
    if status.owed:
        values = "1 value" if status.owed == 1 else f"{status.owed:,} values"
        has = "has" if status.owed == 1 else "have"
        rows["owed"] = f"{values} known of {has} not arrived"
    if beyond := sum(scope.cut_off for scope in status.scopes):
        records = "1 record" if beyond == 1 else f"{beyond:,} records"
        rows["cut off"] = f"{records} of former members: held, and not shown"
    for writer in status.writers:
        if writer.delayed_s:
            name = f"writer {short(writer.node)}"
            rows[name] = (
                f"{writer.label or writer.node} brought {writer.records:,} records,"
                f" {writer.record_bytes / 1e6:,.0f} MB and {writer.work_ms / 1000:,.0f} s of work;"
                f" the next of them wait for {writer.delayed_s:,.0f} s"
            )
    for name, count in status.left_out.items():
        rows[f"more {name}"] = f"{count:,} more than are listed"
    return rows


def _headline(engram: "Engram") -> str:
    text = engram.title or first_line(engram.content, 100)
    tags = "".join(f" #{tag}" for tag in engram.tags)
    ground = f" [{engram.epistemic}]" if engram.epistemic else ""
    conflict = " [conflict]" if engram.siblings else ""
    return text + tags + ground + conflict


def _byline(engram: "Engram") -> str:
    provenance = engram.provenance
    confidence = f"confidence {engram.confidence * provenance.trust:.2f}"
    return f"{provenance.label}, {at(provenance.written_at_ms)}, {confidence}"


def _author(label: str, node: str) -> str:
    return f"{label} ({short(node)})" if label else short(node)
