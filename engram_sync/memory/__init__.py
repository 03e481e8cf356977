"""Memory: what the records of a scope say, shown and changed.

``state`` is what an engram holds now, ``materialise`` keeps it equal to the records, ``read``
answers questions, ``write`` turns changes into drafts of records, ``instant`` keeps what is never
stored.  Must never contain a socket, SQL, a clock, entropy, a signature, or a decision about who
may read.
"""
