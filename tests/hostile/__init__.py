"""Hostile input and misfortune against a whole stack: one test for each row of the catalogue."""
