"""Whole worlds of nodes in one process, repeatable from one seed.

It drives nodes through their public interface and fakes only what a node takes from the machine:
time, entropy, links.  It never contains a second implementation of anything a node does.
"""

__all__: list[str] = []
