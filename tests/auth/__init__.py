"""Tests of `trio_sip.auth`: published vectors, hostile values, both sides against each other."""
