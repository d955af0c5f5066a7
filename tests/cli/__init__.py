"""The tests of trio_sip.cli."""
