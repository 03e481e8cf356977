"""Joining over one connection: a request, the records that show why it was granted, an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engram_sync.sync._effects import DecideJoin, Effect, Joined, Present, Send
from engram_sync.sync._limits import (
    CREDENTIAL_HEAD_BYTES,
    CREDENTIAL_PAGES_MAX,
    CREDENTIALS_BYTES,
    CREDENTIALS_INLINE_BYTES,
)
from engram_wire import (
    CREDENTIALS_MAX,
    Credential,
    Credentials,
    JoinRequest,
    JoinResponse,
    LimitError,
    ProtocolError,
)


@dataclass(slots=True)
class Joining:
    """What this node asked the peer of one connection to let it into."""

    waits: bool = False
    """Whether an answer is due."""
    _pages: list[Credentials] = field(default_factory=list[Credentials])
    """What has come of it so far."""

    @property
    def pages(self) -> int:
        """How many messages of the answer have come."""
        return len(self._pages)

    def begin(self, request: JoinRequest) -> list[Effect]:
        """Present an invite."""
        self.waits = True
        self._pages.clear()
        return [Send(request)]

    def take_untrusted(self, message: JoinRequest | JoinResponse | Credentials) -> list[Effect]:
        """The peer asks, answers, or shows membership records ahead of either.

        Raises:
            WireError: It answers what was not asked, or at too great length.
        """
        if isinstance(message, JoinRequest):
            return [DecideJoin(message)]
        if isinstance(message, Credentials):
            if not self.waits:
                return [Present(message)]
            if len(self._pages) >= CREDENTIAL_PAGES_MAX:
                raise LimitError(f"more than {CREDENTIAL_PAGES_MAX} pages before an answer")
            self._pages.append(message)
            return []
        if not self.waits:
            raise ProtocolError("an unsolicited JoinResponse")
        self.waits = False
        ahead = tuple(item for page in self._pages for item in page.credentials)
        self._pages.clear()
        return [Joined(replace(message, credentials=(*ahead, *message.credentials)))]


def answer(scope: bytes, response: JoinResponse) -> list[Effect]:
    """Tell the peer what was decided about its request to join ``scope``."""
    ahead, last = paged(scope, response.credentials)
    return [*ahead, Send(replace(response, credentials=last))]


def paged(
    scope: bytes, credentials: Sequence[Credential]
) -> tuple[list[Effect], tuple[Credential, ...]]:
    """Messages that show what does not fit the message that needs it, and what fits that."""
    pages: list[list[Credential]] = [[]]
    room = CREDENTIALS_BYTES
    for item in credentials:
        size = len(item.frame) + CREDENTIAL_HEAD_BYTES
        if pages[-1] and (size > room or len(pages[-1]) == CREDENTIALS_MAX):
            pages.append([])
            room = CREDENTIALS_BYTES
        pages[-1].append(item)
        room -= size
    if len(pages) == 1 and CREDENTIALS_BYTES - room <= CREDENTIALS_INLINE_BYTES:
        return [], tuple(pages[0])
    return [Send(Credentials(scope, tuple(page))) for page in pages], ()
