"""RFC 4475 and RFC 5118: the messages that parsers die of."""
