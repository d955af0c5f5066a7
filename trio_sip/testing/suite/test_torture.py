"""The torture tests of RFC 4475 and RFC 5118, aimed at a system.

Each message comes with the address of the peer in its top Via, and else as the RFCs have it.  What
the system makes of a plain request of the same method to the same URI tells what to expect of it.
"""

from __future__ import annotations

import re

import pytest

from trio_sip.message import Request, Response

from ._target import Target
from ._torture import Case, cases, come_from

REQUESTS = [one for one in cases() if one.kind == "request"]
RESPONSES = [one for one in cases() if one.kind != "request"]
_WAIT = 1.5
# RFC 3261 section 10.3: a registrar need not have addresses of other schemes.
_MAY_BE_BAD = frozenset({"unksm2.dat"})
# RFC 4475 lets who is liberal take these for what they mean (sections 3.1.2.6 to 3.1.2.11, 3.1.2.14,
# 3.1.2.15), or even wants it to (section 3.4.1).
_MAY_BE_REPAIRED = frozenset({
    "quotbal.dat", "ltgtruri.dat", "lwsruri.dat", "lwsstart.dat", "trws.dat", "escruri.dat",
    "badaspec.dat", "baddn.dat", "inv2543.dat",
})  # fmt: skip
_CALL_ID = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:\s*([^\r\n]*?)[ \t]*\r?$")


def _name(case: Case) -> str:
    return case.file


async def final_of(target: Target, data: bytes) -> Response | None:
    """The last final response to octets; calls that they make are ended."""
    await target.send_octets(data)
    last: Response | None = None
    for _ in range(int(_WAIT / 0.25)):
        for came in await target.settle(0.25):
            response = came.message
            if isinstance(response, Response) and response.status >= 200:
                last = response
        if last is not None:
            break
    return last


async def _plainly(target: Target, case: Case) -> int | None:
    """What a plain request of that method to the same URI is answered."""
    start = case.data.lstrip(b"\r\n").split(b"\r\n")[0].split(b" ")
    method = start[0].decode("utf-8", "replace")
    request = (
        target.create("INVITE", body=target.peer.sdp)
        if method == "INVITE"
        else (target.create("OPTIONS"))
    )
    plain = bytes(request)
    if method not in ("INVITE", "OPTIONS"):
        plain = plain.replace(b"OPTIONS ", start[0] + b" ", 1).replace(
            b" OPTIONS\r\n", b" " + start[0] + b"\r\n", 1
        )
    response = await final_of(target, plain)
    return None if response is None else response.status


@pytest.mark.parametrize("case", REQUESTS, ids=_name)
async def test_a_torture_request_gets_what_it_is_owed(case: Case, target: Target) -> None:
    """RFC 4475 section 3 and RFC 5118 section 4, each message by its own section.

    A good one is not called bad, a bad one is not accepted, and both leave the system alive.
    """
    target.needs_datagrams()
    plainly = await _plainly(target, case)
    data = come_from(case.data, target.peer.address, target.transport)
    response = await final_of(target, data)

    assert plainly is None or await target.is_alive(), "it does not answer any more"
    if plainly is None:
        pytest.skip("it does not answer plain requests of this method either")
    if case.verdict == "accepted":
        if response is None:
            assert _is_foreign(case, target) or _CALL_ID.search(data) is None, "no answer came"
        elif case.name not in _MAY_BE_BAD:
            assert 400 != response.status, f"{response.reason}: {case.says}"
    elif response is not None and case.name not in _MAY_BE_REPAIRED:
        assert response.status >= 300, case.says


def _is_foreign(case: Case, target: Target) -> bool:
    """Whether it is for somebody else, so that it may be dropped, or is passed on and lost."""
    start = case.data.lstrip(b"\r\n").split(b"\r\n")[0].decode("utf-8", "replace")
    return target.uri.host not in start or "\nTo:" not in start


@pytest.mark.parametrize("case", RESPONSES, ids=_name)
async def test_a_torture_response_does_no_harm(case: Case, target: Target) -> None:
    """RFC 4475 section 3: a response that answers nothing is dropped, good or bad."""
    target.needs_datagrams()
    if not await target.is_alive():
        pytest.skip("it answers nothing")
    await target.send_octets(come_from(case.data, target.peer.address, target.transport))
    came = [one for one in await target.settle(0.5) if isinstance(one.message, Request)]

    assert [] == came
    assert await target.is_alive()
