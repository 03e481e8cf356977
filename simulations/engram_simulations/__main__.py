"""``python -m engram_simulations``: the same as ``python -m simulations`` from a checkout."""

import sys

from engram_simulations import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
