"""The number of the rules by which documents and their digests are made from records."""

from typing import Final

RULES: Final = 2
"""Raised by whatever makes the same records give another state digest: two nodes compare their
digests only under equal rules, because unlike ones say nothing about what either holds.  A store
that was made by other rules is made anew from its records when it is opened."""
