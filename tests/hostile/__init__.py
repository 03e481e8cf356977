"""A member with a valid key that means harm, against real nodes over loopback.

Written from ``wire/SPEC.md`` and ``docs/engrams.md``: what a member may say, and what it costs the
others.  ``python -m tests.hostile`` prints what each attack did, ``--full`` with large sizes.
"""
