"""The tests of trio-sip."""
