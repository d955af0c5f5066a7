"""The tests of trio_sip.testing."""
