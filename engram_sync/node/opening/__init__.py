"""Opening and closing a home: founding it, migrating it, and everything rebuilt in memory."""
