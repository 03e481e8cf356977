"""``python -m engram_sync`` is the command line."""

from engram_sync.cli import main

if __name__ == "__main__":
    main()
