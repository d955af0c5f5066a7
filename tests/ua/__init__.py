"""What a user agent does: who it says it is, what it sends, and what it keeps alive."""
