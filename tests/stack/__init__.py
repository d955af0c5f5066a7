"""The tests of trio_sip.stack."""
