"""Jobs of any length: stages that overlap, in memory that does not grow; resumed, in shards, or on a Ray cluster."""
