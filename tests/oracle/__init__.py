"""What an engram must contain, from happens-before alone.

Knows who had seen what when they wrote, and nothing else.  Must never import an ``engram_``
package, look at what a write claims to supersede, or see a document: its only worth is that it
cannot share their mistakes.
"""

from ._happens_before import Disagreement as Disagreement
from ._happens_before import Event as Event
from ._happens_before import Op as Op
from ._happens_before import OpKind as OpKind
from ._happens_before import Oracle as Oracle
from ._happens_before import Put as Put
from ._text import Inserted as Inserted
from ._text import NaiveText as NaiveText
from ._text import Readers as Readers

__all__ = [
    "Disagreement",
    "Event",
    "Inserted",
    "NaiveText",
    "Op",
    "OpKind",
    "Oracle",
    "Put",
    "Readers",
]
