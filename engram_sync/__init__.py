"""engram-sync: memories that AI agents share without a server."""
