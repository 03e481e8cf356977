"""What an engram is: its collections and their values, their codec and limits, and what disagrees.

Pure decisions over values and live elements.  Must never contain a read of the store, a clock, or
anything that writes.
"""
