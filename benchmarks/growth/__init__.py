"""Growth studies: cost from a small to a large store, one dimension at a time."""
