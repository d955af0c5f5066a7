"""Tests of `trio_sip.transaction`: the machines, their timers, and matching."""
