"""Commands that look after what is stored: erase, check, make smaller."""

import sys
from typing import TYPE_CHECKING

import click

from engram_sync.errors import CorruptError, DegradedError, UsageError

from ._attach import call
from ._memory_options import if_version_option, reason_option, ref_argument
from ._output import counted, print_json, print_line, print_table, size
from ._state import Options, global_options, pass_state
from ._views import print_confirmations

if TYPE_CHECKING:
    from engram_sync.api import Compaction, Doctor, Engram, ErasureStatus, Saving, Status
    from engram_sync.api.calls import NodeApi

KEEP_DAYS = 30
STAYS = (
    "that there was such a memory, who wrote it and when",
    "backups, exports and copies that somebody made of it",
    "its values on members that have not confirmed yet; they drop them when they next sync",
)
"""What an erasure does not reach."""


@click.command()
@ref_argument
@reason_option
@click.option(
    "--erase", is_flag=True, help="Drop its values for good, on every node that learns of it."
)
@click.option("--yes", is_flag=True, help="With --erase: do not ask whether you are sure.")
@if_version_option
@global_options
@pass_state
def forget(
    state: Options, *, ref: str, reason: str, erase: bool, yes: bool, if_version: str | None
) -> None:
    """Hide a memory everywhere it was shared; `restore` brings it back, unless it was erased."""
    if not erase:
        engram = call(state, lambda node: node.forget(ref, reason=reason, if_version=if_version))
        if state.json:
            print_json("engram", engram)
        else:
            print_line(engram.id)
        return
    if not yes:
        _make_sure(state, ref)

    async def forget_for_good(node: "NodeApi") -> "ErasureStatus":
        gone = await node.forget(ref, reason=reason, if_version=if_version, erase=True)
        return await _progress(node, gone)

    found = call(state, forget_for_good)
    if state.json:
        print_json("erasure", found, stays=STAYS)
        return
    print_line(f"{found.engram} is erased here")
    print_confirmations(found)
    print_line("What stays:")
    for what in STAYS:
        print_line(f"  {what}")


def _make_sure(state: Options, ref: str) -> None:
    if state.no_input or not sys.stdin.isatty():
        raise UsageError(
            f"erasing {ref} cannot be undone, and nobody can be asked", hint="say --yes to do it"
        )
    print_line(
        f"The values of {ref} will be gone for good, here and on every node that learns of",
        file=sys.stderr,
    )
    print_line("it.  What stays:", file=sys.stderr)
    for what in STAYS:
        print_line(f"  {what}", file=sys.stderr)
    click.confirm("Erase it?", abort=True, err=True)


async def _progress(node: "NodeApi", gone: "Engram") -> "ErasureStatus":
    """How far the erasure of a memory is; one that all have confirmed is in no status."""
    from engram_sync.api import ErasureStatus, MemoryType

    status = await node.status()
    for erasure in status.erasures:
        if erasure.engram == gone.id:
            return erasure
    # An instant memory was never written anywhere, so nothing is left that could be counted.
    records = 0 if gone.type == MemoryType.INSTANT else await _erased(node, gone.id)
    scopes = [scope.id for scope in status.scopes if scope.kind == gone.scope]
    return ErasureStatus(
        engram=gone.id,
        scope=scopes[0] if len(scopes) == 1 else "",
        asked_at_ms=gone.updated_at_ms,
        node=status.identity.node,
        records=records,
        # Of several agents it is not known here which one the memory is in: then only who is sure.
        confirmed=_members(status, gone.scope if len(scopes) == 1 else "instance"),
        waiting=(),
    )


async def _erased(node: "NodeApi", engram: str) -> int:
    """How many records of a memory are erased."""
    page = await node.history(engram)
    count = sum(entry.erased for entry in page)
    while page.next is not None:
        page = await node.history(engram, after=page.next)
        count += sum(entry.erased for entry in page)
    return count


def _members(status: "Status", scope: str) -> tuple[str, ...]:
    """Labels of the members of the only scope of a kind; an instance has only itself."""
    others = () if scope == "instance" else status.peers
    return tuple(sorted([status.identity.label, *(peer.label or peer.node for peer in others)]))


@click.command()
@global_options
@pass_state
def doctor(state: Options) -> int:
    """Check everything that is stored, down to each signature; nothing is changed.

    Exit code 0 when all is well, 6 when something needs attention, 8 when something is damaged.
    """
    found = call(state, lambda node: node.doctor())
    if state.json:
        print_json("doctor", found)
    else:
        _print_doctor(state, found)
    if found.healthy:
        return 0
    damaged = any(check.damaged for check in found.checks)
    return CorruptError.exit_code if damaged else DegradedError.exit_code


def _print_doctor(state: Options, found: "Doctor") -> None:
    print_table(
        ("check", "", "found"),
        (
            (
                check.name,
                "ok" if check.ok else "DAMAGED" if check.damaged else "look",
                check.detail,
            )
            for check in found.checks
        ),
    )
    print_line(f"the store takes {size(found.store_bytes)}")
    print_line(f"{state.typed('compact')} would drop {_saving(found.saving)}")


@click.command()
@click.option(
    "--keep-days",
    type=click.IntRange(0),
    default=KEEP_DAYS,
    show_default=True,
    metavar="N",
    help="Keep what was replaced or deleted within the last N days.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what it would do.")
@global_options
@pass_state
def compact(state: Options, *, keep_days: int, dry_run: bool) -> int:
    """Drop values that nothing shows any more, and make the store's file smaller.

    What every memory shows stays as it is, and is covered by signatures as before.
    """
    result = call(state, lambda node: node.compact(keep_days=keep_days, dry_run=dry_run))
    if state.json:
        print_json("compaction", result, dry_run=dry_run)
    else:
        _print_compaction(result, dry_run=dry_run)
    return 0


def _print_compaction(result: "Compaction", *, dry_run: bool) -> None:
    print_line(f"{'would drop' if dry_run else 'dropped'} {_saving(result.saved)}")
    before, after = size(result.store_bytes_before), size(result.store_bytes_after)
    print_line(f"the store takes {before}" if dry_run else f"the store took {before}, now {after}")


def _saving(saving: "Saving") -> str:
    parts: list[str] = []
    if saving.payloads:
        parts.append(f"{counted(saving.payloads, 'value')} ({size(saving.payload_bytes)})")
    if saving.runs:
        parts.append(counted(saving.runs, "signature"))
    return ", ".join(parts) or "nothing"
