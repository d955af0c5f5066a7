"""Tests of trio_sip.registration."""
