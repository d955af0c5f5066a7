"""Hypothesis strategies: legal messages in every spelling that is legal, and legal call flows.

They need Hypothesis, which is imported with this package and by nothing else::

    from hypothesis import given
    from trio_sip.testing.strategies import requests, spellings

    @given(requests().flatmap(spellings))
    def test_my_parser_reads_whatever_is_legal(data):
        assert my_parser(data) is not None

Functions make strategies, as Hypothesis's own do.
"""

from ._flows import CallFlow, CallStep, legal_call_flows
from ._spelling import spellings
from ._values import addresses, bodies, requests, responses, tokens, uris

__all__ = [
    "CallFlow",
    "CallStep",
    "addresses",
    "bodies",
    "legal_call_flows",
    "requests",
    "responses",
    "spellings",
    "tokens",
    "uris",
]
