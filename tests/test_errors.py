"""The tree of errors."""

from __future__ import annotations

import copy
import pickle

import pytest

from trio_sip._errors import CallRejected, RemoteProtocolError, RequestRejected, SipError


@pytest.mark.parametrize(
    "error",
    [
        CallRejected(486, "Busy Here"),
        RequestRejected(503, ""),
        RemoteProtocolError("nonsense", 488),
    ],
)
def test_an_error_can_be_copied_and_sent_to_another_process(error: SipError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(error), str(error), vars(error)) == (type(twin), str(twin), vars(twin))
