"""Looking after what is stored: doctor and compaction, in slices."""
