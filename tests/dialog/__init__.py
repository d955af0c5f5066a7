"""The tests of trio_sip.dialog."""
