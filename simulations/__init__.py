"""Makes ``python -m simulations`` work from a checkout; the programs are in engram_simulations.

It must never contain anything that an installed engram_simulations would miss.
"""
