"""What may be asked over control: every call of a node, and two that only a control client makes.

The types of the calls are the only validation of what a client sends, and msgspec's message names
the place of what is wrong.  Values are checked again by the Node, as for every caller.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_origin

import msgspec

from engram_sync.api import Page
from engram_sync.api.calls import CALLS, Call, NodeApi
from engram_sync.errors import PreconditionError, UsageError


class Greeting(msgspec.Struct):
    """The answer to ``hello``."""

    pid: int
    node: str
    home: str
    """``directory_id`` of the home that is served."""
    unstored: str = ""


class HelloCall(Call[Greeting], frozen=True):
    """Who serves here; the first request of every connection."""


class StopCall(Call[None], frozen=True):
    """Ask the program around the node to shut down; answered before it has."""

    writes = True


METHODS: dict[str, type[Call[Any]]] = {
    **CALLS,
    **{call.name(): call for call in (HelloCall, StopCall)},
}
"""Every request by its name."""


class Paged(msgspec.Struct):
    """A page as it travels: JSON has no list that knows how to go on."""

    items: list[Any]
    next: str | None


@dataclass(frozen=True, slots=True)
class Served:
    """What the requests act on."""

    node: NodeApi
    pid: int
    home: str
    """``directory_id`` of the node's home."""
    stop: Callable[[], None] | None
    """Asks the program around the node to shut down; None when it offers no way to."""

    async def perform(self, call: Call[Any]) -> object:
        """Do what was asked; returns what travels.

        Raises:
            EngramError: The node refuses it.
        """
        if isinstance(call, HelloCall):
            identity = await self.node.identity()
            return Greeting(self.pid, identity.node, self.home, self.node.unstored)
        if isinstance(call, StopCall):
            self._stop()
            return None
        result: Any = await self.node.perform(call)
        if get_origin(call.result()) is Page:
            return Paged(list(result), result.next)
        return result

    def _stop(self) -> None:
        if self.stop is None:
            raise PreconditionError(
                f"this node lives inside another program (pid {self.pid})",
                hint="end that program instead",
            )
        self.stop()


def decode_call_untrusted(call: type[Call[Any]], params: msgspec.Raw) -> Call[Any]:
    """The call that a client makes.

    Raises:
        UsageError: An argument is missing, unknown or of the wrong type.
    """
    try:
        checked: Call[Any] = msgspec.json.decode(params, type=call)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"wrong arguments: {error}") from error
    return checked
