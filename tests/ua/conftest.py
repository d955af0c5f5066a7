"""Whom the telephones of these tests register with."""

from __future__ import annotations

import pytest

from trio_sip.testing import MemoryNetwork, TestRegistrar

from .registrars import PASSWORD


@pytest.fixture
def registrar(sip_network: MemoryNetwork, sip_registrar: TestRegistrar) -> TestRegistrar:
    """The one of example.com."""
    sip_network.alias("example.com", "registrar")
    return sip_registrar


@pytest.fixture
def guarded_registrar(registrar: TestRegistrar) -> TestRegistrar:
    """It lets nobody but Alice register, and wants to see her password."""
    registrar.add_user("alice", PASSWORD)
    return registrar
