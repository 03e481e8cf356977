"""Changes as drafts of records: create, update, forget, restore, edits of texts.

Nothing here writes anything: a draft is authored and stored by the node's write path.
"""

from .creation import created as created
from .creation import satisfies as satisfies
from .format_1 import LiveBefore as LiveBefore
from .format_1 import held_in_records as held_in_records
from .format_1 import held_in_view as held_in_view
from .format_1 import said_again as said_again
from .format_1 import says_all as says_all
from .lifecycle import archive as archive
from .lifecycle import copied as copied
from .lifecycle import forget as forget
from .lifecycle import restore as restore
from .updating import update as update

__all__ = [
    "LiveBefore",
    "archive",
    "copied",
    "created",
    "forget",
    "held_in_records",
    "held_in_view",
    "restore",
    "said_again",
    "satisfies",
    "says_all",
    "update",
]
