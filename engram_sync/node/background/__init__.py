"""What an open node does and notices while nobody asks: receipts, the store's presence, clocks."""
