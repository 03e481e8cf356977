"""The home of a node and what is rebuilt from it: files, key, clock, logs, members."""
