"""What went wrong, in words: a story told from what was on the wire, and rules about it."""

from ._explain import explain
from ._finding import Finding, FindingKind

__all__ = ["Finding", "FindingKind", "explain"]
