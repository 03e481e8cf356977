"""``python -m simulations run --seed N`` and ``python -m simulations sweep --seeds A..B``."""

import sys

from engram_simulations import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
