"""``engram-sync demo``: three nodes in processes of their own, and the story that they play."""
