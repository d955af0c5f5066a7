"""The pure message package: parsing, checking, building."""
