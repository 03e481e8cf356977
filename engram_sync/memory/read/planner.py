"""Choosing which words of a question to search for.

The index has no stop words, and scoring sixty thousand matches of "the" costs thirty times the
rest of a recall.  The rare words of a question decide its answer, so they are taken first.
"""

import re
import unicodedata
from collections.abc import Sequence

from engram_sync.errors import UsageError
from engram_sync.model.limits import MATCHES_EXPECTED_MAX, QUERY_CHARS_MAX, QUERY_TERMS_MAX
from engram_sync.store import Reader

_WORD = re.compile(r"[^\W_]+")


def split_terms(query: str) -> list[str]:
    """The distinct words of a question in order, in lower case.

    Raises:
        UsageError: The question is too long.
    """
    if len(query) > QUERY_CHARS_MAX:
        raise UsageError(
            f"the question has {len(query)} characters; at most {QUERY_CHARS_MAX} are searched",
            hint="ask with the words that matter",
        )
    return list(dict.fromkeys(words_of(query)))[:QUERY_TERMS_MAX]


def words_of(text: str) -> list[str]:
    """The words of a text as the index would cut them, in lower case."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


class Planner:
    """Plans searches, remembering how frequent words are while nothing changes.

    The answer to a question must depend on the question and the stored state alone.  So what it
    remembers is dropped as soon as the digest of any scope differs.
    """

    def __init__(self) -> None:
        self._state: tuple[int, ...] = ()
        self._frequencies: dict[str, int] = {}

    def plan(self, reader: Reader, terms: Sequence[str]) -> list[str]:
        """The terms to search for: rarest first, until enough matches are to be expected.

        At least the rarest term that occurs is taken, and none that does not occur.
        """
        scopes = reader.scopes()
        if sum(scope.live for scope in scopes) <= MATCHES_EXPECTED_MAX:
            return list(terms)  # Whatever they match costs little.
        state = tuple(scope.digest for scope in scopes)
        if state != self._state:
            self._state, self._frequencies = state, {}
        expected = 0
        taken: list[str] = []
        for frequency, term in sorted((self._frequency(reader, t), t) for t in terms):
            if not frequency:
                continue
            expected += frequency
            if taken and expected > MATCHES_EXPECTED_MAX:
                break
            taken.append(term)
        return taken

    def _frequency(self, reader: Reader, term: str) -> int:
        if term not in self._frequencies:
            self._frequencies[term] = reader.document_frequency(term)
        return self._frequencies[term]
