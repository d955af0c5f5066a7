"""The documentation: every block of it runs, and nothing public is missing from it."""
