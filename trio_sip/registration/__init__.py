"""Registrations, from both ends: RFC 3261 section 10 without a network.

Nothing here waits, reads a clock or stores anything.  A client keeps its registration with a
`RegistrationClient`: it is told what came and when, and says what to send and when to wake it.
A registrar reads the bindings of an
address-of-record from its location service, asks `update_bindings` what they should become,
stores that (or answers what `Refused` says) and writes the 200 with `contact_values`::

    aor = address_of_record(request.to.uri)
    wanted = RegisterRequest(
        aor=aor,
        call_id=request.call_id,
        cseq=request.cseq.number,
        contacts=read_contacts_untrusted(request.headers.get_all("Contact")),
        expires=request.headers.get("Expires"),
    )
    outcome = update_bindings(current, wanted, policy, now)
"""

from __future__ import annotations

from ._address import address_of_record
from ._binding import Binding, contact_values, live_bindings
from ._client import (
    CallIds,
    RegistrationChanged,
    RegistrationClient,
    RegistrationEffect,
    RegistrationLost,
    RegistrationSettings,
    SendRegister,
)
from ._client_tables import RegistrationState
from ._contact import Contact, read_contacts_untrusted
from ._grant import Grant, read_grant_untrusted
from ._keep_alive import FlowDead, KeepAlive, KeepAliveEffect, KeepAliveState, SendPing
from ._pace import RegistrationPace
from ._policy import RegistrarPolicy, TooBrief, WhenFull
from ._update import Accepted, Refused, RegisterRequest, update_bindings

__all__ = [
    "Accepted",
    "Binding",
    "CallIds",
    "Contact",
    "FlowDead",
    "Grant",
    "KeepAlive",
    "KeepAliveEffect",
    "KeepAliveState",
    "Refused",
    "RegisterRequest",
    "RegistrarPolicy",
    "RegistrationChanged",
    "RegistrationClient",
    "RegistrationEffect",
    "RegistrationLost",
    "RegistrationPace",
    "RegistrationSettings",
    "RegistrationState",
    "SendPing",
    "SendRegister",
    "TooBrief",
    "WhenFull",
    "address_of_record",
    "contact_values",
    "live_bindings",
    "read_contacts_untrusted",
    "read_grant_untrusted",
    "update_bindings",
]
