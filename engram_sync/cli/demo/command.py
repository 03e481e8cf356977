"""``demo``: three nodes on this machine live through a day, and every claim is checked."""

import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from engram_sync.cli._attach import run
from engram_sync.cli._output import print_json, print_line
from engram_sync.cli._state import Options, global_options, pass_state
from engram_sync.errors import NotFoundError

NAMES = ("A", "B", "C")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the nodes up and print how to talk to them.")
@click.option("--no-mdns", is_flag=True, help="Pretend that multicast does not work here.")
@global_options
@pass_state
def demo(state: Options, *, keep: bool, no_mdns: bool) -> None:
    """Watch three nodes find each other, share, disagree and agree again.

    Three processes with homes of their own, on the loopback interface, import this checkout's
    history.  Whatever is shown is verified; the exit code is 0 only when all of it held.
    """
    source = _checkout()
    folder = Path(tempfile.mkdtemp(prefix="engram-demo-"))
    output = sys.stderr if state.json else sys.stdout
    started = time.monotonic()
    try:
        run(state, partial(_play, source, folder, output, keep=keep, multicast=not no_mdns))
    except BaseException:
        print_line(f"The demo failed.  What the nodes said is in {folder}", file=sys.stderr)
        raise
    seconds = time.monotonic() - started
    print_line(f"All of this was checked, in {seconds:.0f} s.", file=output)
    if keep:
        _print_kept(folder, output)
    else:
        shutil.rmtree(folder)
    if state.json:
        print_json("ok", done="demo", seconds=round(seconds, 1))


async def _play(source: Path, folder: Path, output: TextIO, *, keep: bool, multicast: bool) -> None:
    import trio

    from .nodes import DemoNode
    from .story import Story

    nodes = [DemoNode(name, folder) for name in NAMES]
    try:
        await Story(nodes, source, output, multicast=multicast).tell()
        if not keep:
            async with trio.open_nursery() as nursery:
                for node in nodes:
                    nursery.start_soon(node.down)
    except BaseException:
        for node in nodes:
            await node.kill()
        raise
    if keep:
        for node in nodes:
            await node.leave()


def _print_kept(folder: Path, output: TextIO) -> None:
    from .nodes import program_here

    program = program_here()
    print_line("The nodes are still up.  Talk to them, then stop them:", file=output)
    print_line(f"  cd {folder}", file=output)
    print_line(f"  {program} --home A recall how do deploys go out", file=output)
    print_line(f"  {program} --home B peers", file=output)
    print_line(
        f"  for node in {' '.join(NAMES)}; do {program} --home $node down; done", file=output
    )


def _checkout() -> Path:
    """The git checkout that this program runs from, else the one it was started in.

    Raises:
        NotFoundError: There is neither.
    """
    here = Path(__file__).resolve().parents[3]
    for folder in (here, *Path.cwd().parents, Path.cwd()):
        if (folder / ".git").exists():
            return folder
    raise NotFoundError(
        "the demo imports a git history, and there is no checkout here",
        hint="run it inside any git repository",
    )
