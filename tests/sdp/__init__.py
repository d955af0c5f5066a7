"""Tests of `trio_sip.sdp`: plain functions of values."""
