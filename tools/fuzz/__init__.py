"""Mutators and coverage-guided harnesses."""
