"""Limits of what one memory may hold, and of what one question may cost.

Those on values are constants of the protocol: a value beyond one of them fails its schema on
every node, so they are enforced before anything is written.
"""

CONTENT_BYTES_MAX = 256 << 10  # One memory is a note, not a file; one always fits in a record.
TITLE_BYTES_MAX = 1024  # One line of text in any script.
LABEL_BYTES_MAX = 256  # Types, categories, tags: words that are compared, listed and typed.
KEY_BYTES_MAX = 255  # A metadata key; its CBOR header stays within two bytes.
ENTRY_BYTES_MAX = 16 << 10  # One metadata value, event or belief: a datum, not a document.
REASON_BYTES_MAX = 1024  # Why something was deleted or archived: a sentence.
SKILL_BYTES_MAX = 64 << 10  # How something is done fits on some twenty pages.
STEPS_MAX = 1000  # More steps than anybody follows.
PARENTS_MAX = 64  # Heads that one refinement brings together; more meet in steps.
COUNT_MAX = 1 << 53  # What a JavaScript number can count to.
CLAIMED_COUNT_MAX = COUNT_MAX // 2  # So that whoever goes on from a claim has as far to go again.
SOURCE_KEY_BYTES_MAX = 4096  # The longest path a file system gives us, with its section.
PUTS_MAX = 64  # Puts of one record, fixed by the record format.
PAYLOAD_BYTES_MAX = 512 << 10  # The wire refuses a larger payload.

EDITS_MAX = 1024  # Edits of one text in one call; each costs a walk over the text.

VERSION_CHARS_MAX = 60  # A version has 43; what is longer was not given out by any node.

QUERY_CHARS_MAX = 10_000  # A question may quote a page; a book is a mistake.
QUERY_TERMS_MAX = 64  # Each distinct term costs a dictionary look-up.
MATCHES_EXPECTED_MAX = 5_000  # Scoring this many documents takes about one millisecond.
RESULTS_MAX = 10_000  # Entries of one page; nobody reads more at once.
ANSWER_BYTES_MAX = 8 << 20  # Values of one page: escaped as JSON they still fit in one message.
PART_BYTES_MAX = 512 << 10  # Values of one field of one memory shown at once: the largest record.
SIBLINGS_BYTES_MAX = 4 << 20  # Values that disagree: eight of the largest, or some thousands.
ITEM_BYTES = 256  # What an entry costs beside its value: ids, names and times.
SUPERSEDERS_MAX = 16  # Records named of those that replaced one value; more say nothing new.
LOOKED_MAX = 10_000  # Memories looked at for one page; a filter that nothing fits ends there.
CANDIDATES_MIN = 64  # Matches fetched per round, so that filters rarely need a second one.
REF_CHARS_MIN = 8  # 32 bits of an id: unique among some thousands, short enough to type.

SLICE_WEIGHT = 4096  # Values put and removed that are materialised at once: some 100 ms.
DIRECT_INDEX_RECORDS_MIN = 16  # From here on one full-text update serves many rows.
TEXT_REPLAYED_MIN = 64  # Edits since a structure was stored that are made again: some 5 ms.
TEXT_REPLAYED_SHARE = 16  # And of a large one as many as double the time of loading it.
TEXTS_KEPT_MAX = 8  # Texts that are edited in turns; each further one is loaded for each edit.
TEXTS_KEPT_WEIGHT_MAX = 40_000  # Pieces of their structures, of about one kB each.
FLUSH_ROWS = 256  # Rows indexed per flush.
INSTANT_MEMORIES_MAX = 10_000  # They live in memory only; beyond it the oldest goes.

RECENT_ENGRAMS_MAX = 8  # Memories that are changed in turns are seldom more.
RECENT_BYTES_MAX = 8 << 20  # Their live elements: some ten thousand, all told.

IMPORT_FILE_BYTES_MAX = 16 << 20  # A text this long is a data set; read it in parts.
IMPORT_FILES_MAX = 64  # Files named per commit; a mass change is told by their number.

assert 2 * CONTENT_BYTES_MAX <= PAYLOAD_BYTES_MAX
assert KEY_BYTES_MAX < 256
