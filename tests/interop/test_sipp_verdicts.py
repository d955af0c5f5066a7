"""What SIPp says of a scenario, we say: the exit status and the counters, also when it fails.

SIPp against SIPp is what is compared with.  Then each side is run by our own program.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import attrs
import pytest

from tests.testing.test_sipp import answer, scenario, send

from .peers import free_port
from .sipp import Runner, open_answering, open_sipp

pytestmark = pytest.mark.interop

RUNNERS = [(Runner.OURS, Runner.SIPP), (Runner.SIPP, Runner.OURS), (Runner.OURS, Runner.OURS)]
Verdict = tuple[int, dict[str, int]]


@attrs.frozen(kw_only=True)
class Case:
    """Two scenarios and how they are run; those that SIPp has are named."""

    caller: str
    callee: str
    calls: int = 1
    caller_options: tuple[str, ...] = ()
    callee_options: tuple[str, ...] = ()
    transport: str = "u1"


CONTACT = "Contact: <sip:s@[local_ip]:[local_port]>"
INVITE = send("INVITE sip:bob@[remote_ip]:[remote_port]", attributes="retrans='500'")
ASK = send("OPTIONS sip:bob@[remote_ip]:[remote_port]", attributes="retrans='500'")
# Where nothing comes of it anyway.
FAST_INVITE = INVITE.replace("'500'", "'20'")
FAST_ASK = ASK.replace("'500'", "'10'")
ASKED = "<recv request='OPTIONS'/>"
INVITED = "<recv request='INVITE'/>"
IN_CALL = scenario(
    INVITE, "<recv response='200'/>", send("ACK sip:x"),
    send("INFO sip:x"), "<recv response='200' timeout='300' ontimeout='bye'/><label id='bye'/>",
    send("BYE sip:x"), "<recv response='200'/>",
)  # fmt: skip
TAKE = scenario(
    INVITED, answer("200 OK", CONTACT), "<recv request='ACK'/><recv request='BYE'/>",
    answer("200 OK"),
)  # fmt: skip
QUICK = scenario(
    INVITE, "<recv response='200'/>", send("ACK sip:x"), "<pause/>",
    send("BYE sip:x"), "<recv response='200'/>",
)  # fmt: skip


def found(attributes: str) -> str:
    """An answer that is looked at."""
    return scenario(
        ASK,
        f"<recv response='200'><action><ereg {attributes} assign_to='v'/></action></recv>"
        "<Reference variables='v'/>",
    )


CASES = {
    "uac": Case(caller="uac", callee="uas", calls=3),
    "regexp": Case(caller="regexp", callee="uas", calls=3),
    "branches": Case(caller="branchc", callee="branchs", calls=3),
    # Not with its own callee, which waits a while at the end: for SIPp that fails when the caller
    # has closed the connection by then.
    "tcp": Case(caller=QUICK, callee=TAKE, calls=3, transport="t1"),
    "a socket per call": Case(caller=QUICK, callee=TAKE, calls=3, transport="un"),
    "a connection per call": Case(caller=QUICK, callee=TAKE, calls=3, transport="tn"),
    "a limit": Case(
        caller=QUICK, callee=TAKE, calls=5, caller_options=("-l", "2", "-r", "100", "-d", "100")
    ),
    "another answer": Case(
        caller=scenario(INVITE, "<recv response='200'/>"),
        callee=scenario(INVITED, answer("486 Busy"), "<recv request='ACK'/>"),
    ),
    "an answer to what was not asked": Case(
        caller=scenario(ASK, "<recv response='200'/>"),
        callee=scenario(ASKED, answer("200 OK").replace("[last_CSeq:]", "CSeq: 1 INVITE")),
    ),
    "an answer to what is asked later": Case(
        caller=scenario(ASK, "<recv response='200'/>", send("INFO sip:x")),
        callee=scenario(ASKED, answer("200 OK").replace("[last_CSeq:]", "CSeq: 1 INFO")),
    ),
    "an answer to what is passed over": Case(
        caller=scenario(
            ASK.replace("<send", "<send next='1'"), send("INFO sip:x"),
            "<label id='1'/><recv response='200'/>",
        ),
        callee=scenario(ASKED, answer("200 OK").replace("[last_CSeq:]", "CSeq: 1 INFO")),
    ),
    "an answer without the name of what was asked": Case(
        caller=scenario(
            ASK.replace("<send", "<send start_txn='a'"),
            "<recv response='200'/><recv response='486' response_txn='a'/>",
        ),
        callee=scenario(ASKED, answer("200 OK")),
    ),
    "silence for INVITE": Case(
        caller=scenario(FAST_INVITE, "<recv response='200'/>"),
        callee=scenario(INVITED, "<pause milliseconds='1500'/>"),
    ),
    "silence for OPTIONS": Case(
        caller=scenario(FAST_ASK, "<recv response='200'/>"),
        callee=scenario(ASKED, "<pause milliseconds='1100'/>"),
        caller_options=("-T2", "100"),
    ),
    "silence, and few retransmissions": Case(
        caller=scenario(FAST_ASK, "<recv response='200'/>"),
        callee=scenario(ASKED, "<pause milliseconds='500'/>"),
        caller_options=("-max_retrans", "2"),
    ),
    "no ACK": Case(
        caller=scenario(INVITE, "<recv response='200'/><pause milliseconds='1500'/>"),
        callee=scenario(
            INVITED, answer("200 OK", CONTACT, "retrans='10'"), "<recv request='ACK'/>"
        ),
        callee_options=("-T2", "80"),
    ),
    "a receive timeout": Case(
        caller=scenario(send("INVITE sip:x"), "<recv response='180'/><recv response='200'/>"),
        callee=scenario(INVITED, answer("180 Ringing"), "<recv request='CANCEL'/>"),
        caller_options=("-recv_timeout", "200"),
    ),
    "a timeout of one message": Case(
        caller=scenario(send("OPTIONS sip:x"), "<recv response='200' timeout='200'/>"),
        callee=scenario(ASKED),
    ),
    "an unexpected request": Case(
        caller=scenario(send("INVITE sip:x"), "<recv response='200'/>", send("INFO sip:x")),
        callee=scenario(INVITED, answer("200 OK", CONTACT), "<recv request='ACK'/>"),
    ),
    "an unexpected BYE": Case(
        caller=scenario(send("INVITE sip:x"), send("BYE sip:x"), "<recv response='200'/>"),
        callee=scenario(INVITED, "<recv request='INFO'/>"),
    ),
    "an unexpected CANCEL": Case(
        caller=scenario(send("INVITE sip:x"), send("CANCEL sip:x"), "<recv response='200'/>"),
        callee=scenario(INVITED, "<recv request='ACK'/>"),
    ),
    "the wrong request first": Case(
        caller=scenario(send("OPTIONS sip:x"), "<recv response='200' timeout='200'/>"),
        callee=scenario(INVITED),
    ),
    "automatic answers": Case(caller=IN_CALL, callee=TAKE, callee_options=("-aa",)),
    "no defaults": Case(caller=IN_CALL, callee=TAKE, callee_options=("-nd",)),
    "a pattern that is not found": Case(
        caller=found("regexp='nothing' search_in='msg' check_it='true'"),
        callee=scenario(ASKED, answer("200 OK")),
    ),
    "a pattern that is found": Case(
        caller=found("regexp='SIP' search_in='msg' check_it_inverse='true'"),
        callee=scenario(ASKED, answer("200 OK")),
    ),
    "a header that is not there": Case(
        caller=found("regexp='.*' search_in='hdr' header='X-None:' check_it='true'"),
        callee=scenario(ASKED, answer("200 OK")),
    ),
    "a message during a pause": Case(
        caller=scenario(ASK, "<recv response='180'/><pause milliseconds='300'/>"),
        callee=scenario(ASKED, answer("180 Ringing"), answer("200 OK")),
    ),
}  # fmt: skip


def named(one: str, folder: Path, name: str) -> str:
    """The scenario, in a file if it is not SIPp's."""
    if not one.startswith("<"):
        return one
    folder.mkdir(exist_ok=True)
    # SIPp knows no other quotes.
    text = one.replace("'", '"')
    (folder / f"{name}.xml").write_text(f'<?xml version="1.0"?>\n{text}')
    return str(folder / name)


def verdicts(case: Case, calls: Runner, answers: Runner, folder: Path) -> tuple[Verdict, Verdict]:
    """How both sides went."""
    caller, callee = (
        named(one, folder / "files", name)
        for one, name in ((case.caller, "caller"), (case.callee, "callee"))
    )
    count = str(case.calls)
    with open_answering(
        folder / "callee", callee, *case.callee_options,
        transport=case.transport, calls=case.calls, runner=answers,
    ) as (answering, address):  # fmt: skip
        given = ["-t", case.transport, "-p", free_port(), "-m", count]
        if "-r" not in case.caller_options:
            given += ["-r", "50"]
        with open_sipp(
            folder / "caller", caller, address, *given, *case.caller_options, runner=calls
        ) as calling:
            called = calling.wait()
            answered = answering.wait()
    return called.verdict, answered.verdict


@functools.cache
def reference(name: str) -> tuple[Verdict, Verdict]:
    """What SIPp says."""
    with tempfile.TemporaryDirectory() as folder:
        return verdicts(CASES[name], Runner.SIPP, Runner.SIPP, Path(folder))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("calls", "answers"), RUNNERS, ids=["we call", "we answer", "we do both"])
def test_we_say_what_sipp_says(name: str, calls: Runner, answers: Runner, tmp_path: Path) -> None:
    expected = reference(name)

    assert expected == verdicts(CASES[name], calls, answers, tmp_path)


def test_so_many_users_call_as_often_as_they_shall(tmp_path: Path) -> None:
    # No verdict of SIPp's own caller: with -users it stops in the middle of every second run.
    case = Case(caller="uac", callee="uas", calls=4, caller_options=("-users", "2"))
    called, answered = verdicts(case, Runner.OURS, Runner.SIPP, tmp_path)

    assert (0, 0) == (called[0], answered[0])
    assert (4, 4) == (called[1]["SuccessfulCall"], answered[1]["SuccessfulCall"])


@pytest.mark.parametrize(("first", "second"), [(Runner.SIPP, Runner.SIPP), *RUNNERS], ids=str)
def test_two_controllers_connect_two_others(first: Runner, second: Runner, tmp_path: Path) -> None:
    twin = f"127.0.0.1:{free_port()}"
    with (
        open_answering(tmp_path / "a", "3pcc-A", calls=2, runner=first) as (a, address_a),
        open_answering(tmp_path / "b", "3pcc-B", calls=2, runner=second) as (b, address_b),
        open_sipp(
            tmp_path / "controller-b", "3pcc-C-B", address_b, "-3pcc", twin, "-m", "2",
            "-p", free_port(), runner=second,
        ) as controller_b,
    ):  # fmt: skip
        controller_b.wait_until_open()
        with open_sipp(
            tmp_path / "controller-a", "3pcc-C-A", address_a, "-3pcc", twin, "-m", "2",
            "-p", free_port(), runner=first,
        ) as controller_a:  # fmt: skip
            went = [one.wait() for one in (controller_a, controller_b, a, b)]

    assert [(0, 2, 0)] * 4 == [(one.status, one.succeeded, one.failed) for one in went]
