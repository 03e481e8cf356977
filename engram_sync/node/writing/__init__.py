"""The one write path: every record, ours or a peer's, goes through here into the store.

Everything here is synchronous and runs inside jobs of the store's writer.
"""
