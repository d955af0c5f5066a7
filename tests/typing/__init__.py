"""What a type checker must say about code that uses the package."""
