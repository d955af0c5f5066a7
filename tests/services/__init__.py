"""Tests of trio_sip.services."""
