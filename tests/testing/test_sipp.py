"""Scenario files of SIPp: what is read, what is refused, and how they run."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import PlainSecret
from trio_sip.services import DigestAuthenticator, IdentifyByUser, OptionsService
from trio_sip.stack import Endpoint, Tokens, open_stack
from trio_sip.testing import (
    InjectionFile,
    MemoryNetwork,
    ScenarioError,
    ScenarioFields,
    ScenarioResult,
    ScenarioRules,
    explain,
    load_sipp_scenario,
    read_sipp_rows,
    run_sipp_scenario,
)
from trio_sip.transport import Address

SERVER, CLIENT = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)


def send(start_line: str, more: str = "", attributes: str = "", body: str = "") -> str:
    """A request of the client."""
    method = start_line.split(" ", maxsplit=1)[0]
    return f"""<send {attributes}><![CDATA[

      {start_line} SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:[service]@example.com>;tag=[call_number]
      To: <sip:bob@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: [cseq] {method}
      Max-Forwards: 70{chr(10) if more else ""}{more}
      Content-Length: [len]

      {body}
    ]]></send>"""


def answer(status: str, more: str = "", attributes: str = "") -> str:
    """A response of the server."""
    return f"""<send {attributes}><![CDATA[
      SIP/2.0 {status}
      [last_Via:]
      [last_From:]
      [last_To:];tag=s[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      [last_Record-Route:]{chr(10) if more else ""}{more}
      Content-Length: 0
    ]]></send>"""


def scenario(*steps: str) -> str:
    return f"<scenario name='test'>{''.join(steps)}</scenario>"


async def play(
    client: str,
    server: str,
    *,
    loss: float = 0.0,
    calls: int = 1,
    seed: int = 1,
    rows: Sequence[Sequence[str]] = (),
    keys: Mapping[str, str] | None = None,
    transport: str = "udp",
    retransmits: bool = True,
) -> tuple[ScenarioResult, ScenarioResult | None]:
    """Both sides on one network; the server's result, if it came to an end."""
    results: list[ScenarioResult] = []

    async def serve(network: MemoryNetwork, *, task_status: trio.TaskStatus[Address]) -> None:
        results.append(
            await run_sipp_scenario(
                load_sipp_scenario(server, keys or {}),
                network=network.host("server"),
                local=SERVER,
                calls=calls,
                keys=keys,
                transport=transport,
                task_status=task_status,
            )
        )

    with trio.fail_after(3600):
        async with (
            MemoryNetwork.open(seed=seed, loss=loss) as network,
            trio.open_nursery() as nursery,
        ):
            address = await nursery.start(functools.partial(serve, network))
            result = await run_sipp_scenario(
                load_sipp_scenario(client, keys or {}),
                address,
                rules=ScenarioRules(retransmits=retransmits),
                network=network.host("client"),
                local=CLIENT,
                calls=calls,
                rows=rows,
                keys=keys,
                transport=transport,
            )
            await trio.sleep(100)
            nursery.cancel_scope.cancel()
    return result, results[0] if results else None


SERVE = scenario(
    "<recv request='INVITE'/>",
    answer("180 Ringing"),
    answer("200 OK", "Contact: <sip:bob@[local_ip]:[local_port]>", "retrans='500'"),
    "<recv request='ACK'/><recv request='BYE'/>",
    answer("200 OK"),
    "<timewait milliseconds='40000'/>",
)
CALL = scenario(
    send("INVITE sip:bob@[remote_ip]", attributes="retrans='500' start_rtd='invite'", body="v=0"),
    "<recv response='100' optional='true'/><recv response='180' optional='true'/>",
    "<recv response='200' rtd='invite' rrs='true'/>",
    send("ACK [next_url]", "[routes]"),
    "<pause milliseconds='2000'/>",
    send("BYE [next_url]", attributes="retrans='500'"),
    "<recv response='200'/>",
)


async def test_a_call(autojump_clock: MockClock) -> None:
    result, served = await play(CALL, SERVE)

    assert served is not None
    assert (0, 0) == (result.exit_status, served.exit_status)
    assert [pytest.approx(0.04)] == list(result.response_times["invite"])
    assert result.ladder({SERVER: "server", CLIENT: "client"}) == (
        "          client                    server\n"
        "   0.000  |----------INVITE-------->|\n"
        "   0.040  |<------180 (INVITE)------|\n"
        "   0.040  |<------200 (INVITE)------|\n"
        "   0.040  |-----------ACK---------->|\n"
        "   2.040  |-----------BYE---------->|\n"
        "   2.080  |<-------200 (BYE)--------|\n"
    )
    ack = next(wire.data for wire in result.wires if wire.data.startswith(b"ACK"))
    assert ack.startswith(b"ACK sip:bob@192.0.2.1:5060 SIP/2.0\r\n")
    assert b"To: <sip:bob@192.0.2.1:5060>;tag=s1\r\n" in ack
    assert b"CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n" in ack
    assert b"Content-Length: 5\r\n\r\nv=0\r\n" in result.wires[0].data


async def test_many_calls_on_a_terrible_network(autojump_clock: MockClock) -> None:
    result, served = await play(CALL, SERVE, loss=0.2, calls=40)

    assert served is not None
    assert result.successful >= 38
    assert result.successful + len(result.failures) == 40
    assert result.retransmissions > 20


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (scenario("<recv request='INVITE'/>", answer("486 Busy"), "<recv request='ACK'/>"),
         "486 (INVITE) came instead of 100 (line "),
        (scenario("<recv request='INVITE'/>", "<recv request='ACK'/>"),
         "INVITE was sent 6 times, and nothing came of it"),
    ],
)  # fmt: skip
async def test_a_call_that_does_not_go_as_written_is_told(
    server: str, words: str, autojump_clock: MockClock
) -> None:
    result, _ = await play(CALL, server)

    assert 1 == result.exit_status
    assert words in result.failures[0]


ACTIONS = scenario(
    send("OPTIONS sip:x", attributes="retrans='500'"),
    """<recv response="200"><action>
      <ereg regexp="branch=([^;]*-)([[:digit:]])" search_in="hdr" header="Via:" assign_to="all,a,b"/>
      <ereg regexp="nothing like it" search_in="msg" assign_to="none"/>
      <log message="[$a]|[$b]|[$none]|[field0]|[field1]"/>
      <assign assign_to="n" value="2.5"/><add assign_to="n" value="1.5"/>
      <multiply assign_to="n" value="3"/><subtract assign_to="n" value="2"/>
      <divide assign_to="n" value="4"/>
      <test assign_to="more" variable="n" compare="greater_than" value="2"/>
      <assignstr assign_to="s" value=" x [$n] "/><trim assign_to="s"/>
      <log message="[$n],[$s],[last_cseq_number+1],[last_Request_URI]"/>
    </action></recv>""",
    "<nop next='over' test='more'/><nop><action><error message='not here'/></action></nop>",
    "<label id='over'/><nop condexec='none'><action><error message='nor here'/></action></nop>",
    "<nop condexec='more' condexec_inverse='true'><action><error/></action></nop>",
)


async def test_variables_actions_and_injected_fields(autojump_clock: MockClock) -> None:
    server = scenario("<recv request='OPTIONS'/>", answer("200 OK"))
    rows = read_sipp_rows("SEQUENTIAL\n# a comment\nalice;7\nbob;8;\n")
    result, _ = await play(ACTIONS, server, calls=2, rows=rows)

    assert [] == result.failures
    assert [
        "z9hG4bK-5060-1-|0||alice|7",
        "2.500000,x 2.500000,2,200",
        "z9hG4bK-5060-2-|0||bob|8",
        "2.500000,x 2.500000,2,200",
    ] == result.log


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ('<ereg regexp="x=y" check_it="true"/>', "'x=y' was not found (line 1)"),
        ('<ereg regexp="SIP" check_it_inverse="true"/>', "'SIP' was found"),
        ('<error message="enough of [call_number]"/>', "enough of 1"),
        ('<divide assign_to="a" value="0"/>', "division by zero"),
    ],
)
async def test_checks_fail_a_call(action: str, words: str, autojump_clock: MockClock) -> None:
    client = scenario(
        send("OPTIONS sip:x").replace("\n", "&#10;").replace("<![CDATA[", "").replace("]]>", "")
        .replace("<sip", "&lt;sip"),
        f"<recv response='200'><action>{action}</action></recv>",
    )  # fmt: skip
    result, _ = await play(client, scenario("<recv request='OPTIONS'/>", answer("200 OK")))

    assert words in result.failures[0]


async def test_timeouts_and_jumps(autojump_clock: MockClock) -> None:
    silent = scenario("<recv request='OPTIONS'/><pause milliseconds='90000'/>")
    with_label = scenario(
        send("OPTIONS sip:x"),
        "<recv response='200' timeout='3000' ontimeout='late'/>",
        "<nop><action><error message='no'/></action></nop>",
        "<label id='late'/><nop><action><log message='late'/><jump value='end'/></action></nop>",
        "<nop><action><error message='no'/></action></nop><label id='end'/>",
    )
    result, _ = await play(with_label, silent)
    assert (0, ["late"]) == (result.exit_status, result.log)
    without = scenario(send("OPTIONS sip:x"), "<recv response='200' timeout='3000'/>")
    result, _ = await play(without, silent)

    assert ["call 1: 200 (line 13) did not come within 3 s"] == result.failures


@pytest.mark.parametrize(("order", "successful"), [("ba", 1), ("ab", 0)])
async def test_responses_belong_to_the_transactions_that_have_names(
    order: str, successful: int, autojump_clock: MockClock
) -> None:
    client = scenario(
        send("OPTIONS sip:bob@[remote_ip]", attributes="start_txn='a'"),
        send("OPTIONS sip:bob@[remote_ip]", attributes="start_txn='b'"),
        *(f"<recv response='200' response_txn='{name}' timeout='5000'/>" for name in order),
    )
    remember = "<ereg regexp='.*' search_in='hdr' header='Via:' assign_to='1'/>"
    server = scenario(
        f"<recv request='OPTIONS'><action>{remember}</action></recv>",
        "<recv request='OPTIONS'/>",
        answer("200 OK"),
        "<pause milliseconds='100'/>",
        answer("200 OK").replace("[last_Via:]", "Via:[$1]"),
    )
    result, _ = await play(client, server)

    assert (successful, 1 - successful) == (result.successful, len(result.failures))


@pytest.mark.parametrize(
    ("before", "cseq", "successful"),
    [
        ("", "CSeq: 1 OPTIONS", 1),
        ("", "CSeq: 7  OPTIONS", 1),
        ("", "CSeq: 1 options", 0),
        ("", "CSeq: 1 INVITE", 0),
        ("", "", 1),
        # What stands in the file counts, though it is not sent.
        (send("MESSAGE sip:x"), "CSeq: 1 MESSAGE", 1),
        # What has a name is answered where that name stands.
        (send("MESSAGE sip:x", attributes="start_txn='a'"), "CSeq: 1 MESSAGE", 0),
    ],
)
async def test_a_response_answers_what_the_scenario_has_asked_before(
    before: str, cseq: str, successful: int, autojump_clock: MockClock
) -> None:
    client = scenario(
        send("OPTIONS sip:bob@[remote_ip]", attributes="next='sent'"),
        before,
        "<label id='sent'/><recv response='200'/>",
        send("INVITE sip:too-late"),
    )
    response = answer("200 OK").replace("[last_CSeq:]", cseq or "X-None: 1")
    result, _ = await play(client, scenario("<recv request='OPTIONS'/>", response))

    assert successful == result.successful


async def test_a_password_is_proved_to_a_stack(autojump_clock: MockClock) -> None:
    ask = "OPTIONS sip:alice@[remote_ip]:[remote_port]"
    client = scenario(
        send(ask), "<recv response='401' auth='true'/>",
        send(ask, "[authentication username=alice password=field0]").replace("[peer_tag_param]", ""),
        "<recv response='404'/>",
    )  # fmt: skip
    secrets = {"alice": PlainSecret("alice", "wonderland")}
    results: list[ScenarioResult] = []
    async with MemoryNetwork.open() as network:
        host = network.host("server")
        async with open_stack(
            f"udp://{SERVER}", services=[OptionsService()], network=host, grace=0,
            tokens=Tokens.sequential("s"),
        ) as stack:  # fmt: skip
            stack.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
            stack.register_authenticator(DigestAuthenticator("example.com", secrets))
            for password in ("wonderland", "wrong"):
                result = await run_sipp_scenario(
                    load_sipp_scenario(client),
                    SERVER,
                    network=network.host("client"),
                    local=Address(CLIENT.host, 0),
                    fields=ScenarioFields(service="alice"),
                    rows=[[password]],
                )
                results.append(result)

    assert [[], 1] == [results[0].failures, results[1].exit_status]
    assert "401 (OPTIONS) came instead of 404" in results[1].failures[0]


def test_what_cannot_be_done_is_listed_with_its_line() -> None:
    text = """<scenario>
      <send><![CDATA[
        INVITE sip:x SIP/2.0
        X: [tdmmap] [last_Via:] [::1]
      ]]></send>
      <recv response="200" crlf="true" wild="1"/>
      <nop><action>
        <exec command="rm -rf /"/>
        <exec play_pcap_audio="x"/>
        <exec int_cmd="stop_call"/>
        <rtp_echo value="1"/>
      </action></nop>
      <tdm/>
      <pause distribution="cauchy"/>
      <ResponseTimeRepartition value="1"/>
    </scenario>"""

    assert [
        "line 4: [tdmmap]",
        "line 6: <recv wild=…>",
        "line 8: <exec command>",
        "line 9: <exec play_pcap_audio>",
        "line 11: <rtp_echo> as an action",
        "line 13: <tdm>",
        'line 14: <pause distribution="cauchy">',
    ] == [str(one) for one in load_sipp_scenario(text).unsupported]


async def test_a_scenario_with_unsupported_things_is_refused(autojump_clock: MockClock) -> None:
    with pytest.raises(LocalProtocolError, match="line 1: <tdm>"):
        await run_sipp_scenario(load_sipp_scenario("<scenario><tdm/></scenario>"), SERVER)
    with pytest.raises(LocalProtocolError, match="there is no twin"):
        await run_sipp_scenario(load_sipp_scenario("<scenario><sendCmd/></scenario>"), SERVER)
    with pytest.raises(LocalProtocolError, match="nobody to call"):
        await run_sipp_scenario(load_sipp_scenario(CALL))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: no element found"),
        ("<scenario></nop>", "line 1: mismatched tag"),
        ("<sipp/>", "line 1: a scenario begins with <scenario>, not <sipp>"),
        ("<scenario><recv/></scenario>", "wants a request or a response"),
        ("<scenario><nop next='x'/></scenario>", "line 1: there is no label x"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><scenario/>', "line 1: entities are refused: b"),
        (
            '<!DOCTYPE a [<!ENTITY b SYSTEM "c">]><scenario>&b;</scenario>',
            "line 1: entities are refused: b",
        ),
        ("<scenario><nop><action><ereg regexp='('/></action></nop></scenario>", "bad regular"),
        ("<a>" * 20 + "</a>" * 20, "too many elements"),
        ("<scenario>" + " " * 1_000_000 + "</scenario>", "too large"),
    ],
)
def test_what_is_no_scenario_is_refused(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words.replace("(", r"\(")):
        load_sipp_scenario(text)


def test_chances_losses_and_pauses_come_from_the_seed() -> None:
    client = scenario(
        send("OPTIONS sip:x", attributes="retrans='500' lost='50'"),
        "<recv response='200'/><pause distribution='uniform' min='100' max='900'/>",
        "<pause distribution='normal' mean='100' stdev='10'/>",
        "<pause distribution='exponential' mean='100'/><pause variable='none'/><pause/>",
        "<nop next='end' chance='0.5'/><nop><action><log message='[call_number]'/></action></nop>",
        "<label id='end'/>",
    )
    server = scenario("<recv request='OPTIONS'/>", answer("200 OK"))
    stories = []
    for _ in range(2):
        run = functools.partial(play, client, server, calls=20)
        result, _ = trio.run(run, clock=MockClock(autojump_threshold=0))
        assert [] == result.failures
        assert 5 < len(result.log) < 15
        assert 5 < result.retransmissions < 40
        start = result.wires[0].time
        stories.append([(round(wire.time - start, 6), wire.data) for wire in result.wires])

    assert stories[0] == stories[1]


SCENARIOS = Path(__file__).parent.parent / "interop" / "scenarios"
KEYS = {
    "challenge": 'realm="here", nonce="dcd98b7102dd2f0e", qop="auth", algorithm=MD5',
    "refer_to": "sip:carol@192.0.2.1",
    "expires": "600",
}
ROW = ["alice", "[authentication username=alice password=wonderland]"]


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        ("call_auth", "answer_401"), ("call_auth", "answer_407"), ("call_cancel", "answer_cancel"),
        ("call_held", "answer_hold"), ("call_hold", "answer_held"), ("call_late", "answer_late"),
        ("call_refer", "answer_referred"), ("call_referred", "answer_refer"),
        ("call_update", "answer_updated"), ("call_updated", "answer_update"),
    ],
)  # fmt: skip
async def test_what_sipp_plays_against_itself_is_played_here_with_the_same_verdict(
    caller: str, callee: str, autojump_clock: MockClock
) -> None:
    files = [(SCENARIOS / f"{name}.xml").read_text() for name in (caller, callee)]
    called, answered = await play(*files, rows=[ROW], keys=KEYS)

    assert answered is not None
    assert ([], []) == (called.failures, answered.failures)
    assert (1, 1) == (called.successful, answered.successful)


async def test_a_wrong_password_is_not_proved(autojump_clock: MockClock) -> None:
    files = [(SCENARIOS / f"{name}.xml").read_text() for name in ("call_auth", "answer_401")]
    row = ["alice", ROW[1].replace("wonderland", "looking-glass")]
    called, _ = await play(*files, rows=[row], keys=KEYS)

    assert 1 == called.exit_status


async def test_without_retransmissions_a_copy_is_one_more_message(
    autojump_clock: MockClock,
) -> None:
    client = scenario(
        send("OPTIONS sip:x", attributes="retrans='500'"),
        "<recv response='100'/><recv response='100'/><recv response='200'/>",
    )
    trying = answer("100 Trying")
    server = scenario("<recv request='OPTIONS'/>", trying, trying, answer("200 OK"))
    once, _ = await play(client, server, retransmits=False)
    folded, _ = await play(client, server)

    assert [] == once.failures
    assert ["call 1: 200 (OPTIONS) came instead of 100 (line 13)"] == folded.failures


async def test_calls_over_one_tcp_connection(autojump_clock: MockClock) -> None:
    result, served = await play(CALL, SERVE, transport="tcp", calls=5, loss=0.2)

    assert served is not None
    assert ([], 5, 0) == (result.failures, result.successful, result.retransmissions)
    assert ([], 5, 0) == (served.failures, served.successful, served.retransmissions)
    assert {"TCP"} == {wire.transport for wire in result.wires}
    assert 1 == len({wire.source for wire in result.wires if wire.source.host == CLIENT.host})


async def test_what_has_gone_wrong_leaves_bare(autojump_clock: MockClock) -> None:
    async with MemoryNetwork.open() as network:
        host = network.host("client")
        for transport, error in (("udp", OSError), ("tcp", ConnectionRefusedError)):
            with pytest.raises(error):
                await run_sipp_scenario(
                    load_sipp_scenario(CALL),
                    Address(host.addresses[0], 9),
                    network=host,
                    local=Address("203.0.113.1", 5060),
                    transport=transport,
                )


@pytest.mark.parametrize(
    ("answers", "goodbye"),
    [
        (answer("180 Ringing") + answer("199 Early"), ["CANCEL"]),
        (answer("200 OK", "Contact: <sip:bob@192.0.2.1>"), ["ACK", "BYE"]),
        (answer("486 Busy"), ["ACK"]),
    ],
)
async def test_a_call_that_fails_is_ended(
    answers: str, goodbye: list[str], autojump_clock: MockClock
) -> None:
    client = scenario(
        send("INVITE sip:bob@[remote_ip]", "Contact: <sip:a@[local_ip]>"),
        "<recv response='180' optional='true'/><recv response='603'/>",
    )
    server = scenario("<recv request='INVITE'/>", answers, "<pause milliseconds='9000'/>")
    result, _ = await play(client, server)
    sent = [wire.label.text for wire in result.wires if wire.source.host == CLIENT.host]

    assert 1 == len(result.failures)
    assert ["INVITE", *goodbye] == sent
    assert {"answered-elsewhere", "wrong-tags", "branch-reused", "cseq-order"}.isdisjoint(
        finding.rule for finding in explain(result.wires)
    )


def test_what_a_scenario_keeps_secret_is_in_no_repr() -> None:
    secret = "wonderland"
    keyword = f"[authentication username=alice password={secret}]"
    read = load_sipp_scenario(scenario(send("OPTIONS sip:x", keyword)))
    rows = InjectionFile(rows=((f"alice;{secret}",),))
    fields = ScenarioFields(password=secret, variables={"p": secret}, files=(rows,))

    assert secret not in repr((read, rows, fields))
