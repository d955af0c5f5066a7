"""The tests of trio_sip.transport."""
