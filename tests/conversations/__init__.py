"""Whole conversations between stacks, on a perfect network and on terrible ones."""
