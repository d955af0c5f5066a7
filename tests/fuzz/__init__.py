"""Many mutated messages, one invariant."""
