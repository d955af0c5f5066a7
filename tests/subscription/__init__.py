"""Subscriptions: RFC 6665 by numbers."""
