"""Scenarios, run in all the ways that SIPp has: sockets, rates, commands, files, counters."""

from __future__ import annotations

import csv
import functools
import io
import json
import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_sip.testing import (
    DefaultBehaviour,
    InjectionOrder,
    MemoryNetwork,
    Ramp,
    ScenarioError,
    ScenarioFailure,
    ScenarioFields,
    ScenarioMonitor,
    ScenarioPlan,
    ScenarioResult,
    ScenarioRules,
    Twin,
    load_sipp_scenario,
    read_injection_file,
    run_sipp_scenario,
    run_sipp_twins,
)
from trio_sip.transport import Address

from .test_sipp import CALL, CLIENT, SERVE, SERVER, answer, scenario, send

ASK = scenario(send("OPTIONS sip:x", attributes="start_rtd='1'"), "<recv response='200' rtd='1'/>")
ANSWER = scenario("<recv request='OPTIONS'/>", answer("200 OK"))
SILENT = scenario("<recv request='OPTIONS'/><pause milliseconds='90000'/>")


# Any: the arguments of run_sipp_scenario, which mypy sees where they are used by themselves.
async def both(
    client: str, server: str, *, calls: int | None = 1, served: Any = None, **options: Any
) -> tuple[ScenarioResult, ScenarioResult | None]:
    """Both sides, and how the server went if it has ended."""
    results: list[ScenarioResult] = []
    given = {"calls": calls, "transport": options.get("transport", "udp"), **(served or {})}

    async def serve(network: MemoryNetwork, *, task_status: trio.TaskStatus[Address]) -> None:
        results.append(
            await run_sipp_scenario(
                load_sipp_scenario(server),
                network=network.host("server"),
                local=SERVER,
                task_status=task_status,
                **given,
            )
        )

    with trio.fail_after(3600):
        async with MemoryNetwork.open(seed=1) as network, trio.open_nursery() as nursery:
            address = await nursery.start(functools.partial(serve, network))
            result = await run_sipp_scenario(
                load_sipp_scenario(client),
                address,
                network=network.host("client"),
                local=CLIENT,
                calls=calls,
                **options,
            )
            await trio.sleep(100)
            nursery.cancel_scope.cancel()
    return result, results[0] if results else None


def begun(result: ScenarioResult, method: bytes = b"OPTIONS") -> list[float]:
    """When each call began."""
    times = [wire.time for wire in result.wires if wire.data.startswith(method)]
    return [round(time - times[0], 3) for time in times]


@pytest.mark.parametrize(
    ("transport", "ends", "spelled"),
    [("udp", 1, "UDP"), ("udp-per-call", 4, "UDP"), ("tcp", 1, "TCP"), ("tcp-per-call", 4, "TCP")],
)
async def test_each_call_has_a_socket_or_all_have_one(
    transport: str, ends: int, spelled: str, autojump_clock: MockClock
) -> None:
    result, served = await both(CALL, SERVE, transport=transport, calls=4)
    sources = {wire.source for wire in result.wires if wire.source.host == CLIENT.host}

    assert served is not None
    assert ([], 4) == (result.failures, result.successful)
    assert ([], 4) == (served.failures, served.successful)
    assert ends == len(sources)
    assert {spelled} == {wire.transport for wire in result.wires}
    ports = {f"{spelled} {source};branch".encode() for source in sources}
    invites = [wire.data for wire in result.wires if wire.data.startswith(b"INVITE")]
    assert ports == {data.split(b"SIP/2.0/")[1].split(b"=")[0] for data in invites}


async def test_a_call_that_finds_nobody_fails_by_itself(autojump_clock: MockClock) -> None:
    async with MemoryNetwork.open() as network:
        result = await run_sipp_scenario(
            load_sipp_scenario(ASK),
            SERVER,
            network=network.host("client"),
            local=CLIENT,
            transport="tcp-per-call",
            calls=2,
        )

    assert {ScenarioFailure.CONNECTION_CLOSED: 2} == result.statistics.failed


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_run_that_is_cancelled_leaves_its_address_free(
    transport: str, autojump_clock: MockClock
) -> None:
    ends = []
    async with MemoryNetwork.open() as network:
        host = network.host("server")
        for _ in range(2):
            with trio.move_on_after(1) as scope:
                await run_sipp_scenario(
                    load_sipp_scenario(SERVE), network=host, local=SERVER, transport=transport
                )
            ends.append(scope.cancelled_caught)

    assert [True, True] == ends


async def test_a_rate_grows(autojump_clock: MockClock) -> None:
    result, _ = await both(
        ASK, ANSWER, calls=6, plan=ScenarioPlan(rate=Ramp(1, 1, interval=2, maximum=2))
    )

    assert [0, 1, 2, 2.5, 3, 3.5] == begun(result)


async def test_a_limit_holds_calls_back(autojump_clock: MockClock) -> None:
    client = scenario(send("OPTIONS sip:x"), "<recv response='200'/><pause milliseconds='960'/>")
    result, _ = await both(client, ANSWER, calls=6, plan=ScenarioPlan(rate=100, limit=2))

    assert 2 == result.statistics.peak
    assert [0, 0.01, 1, 1.01, 2, 2.01] == begun(result)


async def test_users_call_again_when_their_call_has_ended(autojump_clock: MockClock) -> None:
    client = scenario(
        send("OPTIONS sip:x", "X-User: [userid] of [users] [field0]"),
        "<recv response='200'/><nop><action><add assign_to='n' value='1'/>"
        "<log message='[userid] [$n]'/></action></nop><pause milliseconds='960'/>"
        "<User variables='n'/>",
    )
    file = read_injection_file("USER\nalice\nbob\n", "users.csv")
    result, _ = await both(
        client, ANSWER, calls=4, plan=ScenarioPlan(users=2), fields=ScenarioFields(files=[file])
    )
    sent = [wire.data for wire in result.wires if wire.data.startswith(b"OPTIONS")]

    assert [0, 0, 1, 1] == begun(result)
    assert ["0 1.000000", "0 2.000000", "1 1.000000", "1 2.000000"] == sorted(result.log)
    assert 2 == sum(b"X-User: 1 of 2 bob\r\n" in data for data in sent)


async def test_no_call_begins_when_the_time_is_over(autojump_clock: MockClock) -> None:
    result, served = await both(
        CALL,
        SERVE,
        calls=None,
        plan=ScenarioPlan(rate=2, duration=2.9),
        served={"plan": ScenarioPlan(duration=10)},
    )

    assert served is not None
    assert (6, 6, []) == (result.successful, served.successful, result.failures)


async def test_calls_that_have_not_ended_have_failed(autojump_clock: MockClock) -> None:
    result, _ = await both(ASK, SILENT, calls=3, plan=ScenarioPlan(rate=1, patience=1.5))

    assert [
        "call 1: had not ended after 1.5 s",
        "call 2: had not ended after 1.5 s",
        "only 2 of 3 calls had begun after 1.5 s",
    ] == result.failures
    assert (1, 2) == (result.exit_status, result.statistics.failed[ScenarioFailure.UNFINISHED])


@pytest.mark.parametrize(
    ("client", "server", "reason", "repeated"),
    [
        (ASK, SILENT, ScenarioFailure.TIMEOUT, 0),
        (scenario(send("OPTIONS sip:x", attributes="retrans='500'"), "<recv response='200'/>"),
         SILENT, ScenarioFailure.NO_ANSWER, 2),
        (ASK, scenario("<recv request='OPTIONS'/>", answer("404 Not Found")),
         ScenarioFailure.UNEXPECTED_MESSAGE, 0),
    ],
)  # fmt: skip
async def test_failures_are_counted_by_reason(
    client: str, server: str, reason: ScenarioFailure, repeated: int, autojump_clock: MockClock
) -> None:
    result, _ = await both(client, server, rules=ScenarioRules(receive_timeout=20, repetitions=2))

    assert {reason: 1} == result.statistics.failed
    assert repeated == result.retransmissions


IN_CALL = scenario(
    send("INVITE sip:x"), "<recv response='200'/>", send("ACK sip:x"),
    send("INFO sip:x"), "<recv response='200' timeout='900' ontimeout='bye'/><label id='bye'/>",
    send("BYE sip:x"), "<recv response='200'/>",
)  # fmt: skip
TAKE = scenario(
    "<recv request='INVITE'/>", answer("200 OK"), "<recv request='ACK'/><recv request='BYE'/>",
    answer("200 OK"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "failed", "answered"),
    [
        (ScenarioRules(automatic_answers=True), {}, 1),
        (ScenarioRules(defaults=DefaultBehaviour.NONE), {}, 0),
        (ScenarioRules(), {ScenarioFailure.UNEXPECTED_MESSAGE: 1}, 0),
    ],
)
async def test_what_no_scenario_says(
    rules: ScenarioRules,
    failed: dict[ScenarioFailure, int],
    answered: int,
    autojump_clock: MockClock,
) -> None:
    waiting = ScenarioRules(receive_timeout=5)
    _, result = await both(IN_CALL, TAKE, served={"rules": rules}, rules=waiting)

    assert result is not None
    assert (failed, answered) == (result.statistics.failed, result.statistics.auto_answered)


@pytest.mark.parametrize("method", ["BYE", "CANCEL"])
async def test_a_bye_that_is_not_expected_is_answered_and_ends_the_call(
    method: str, autojump_clock: MockClock
) -> None:
    client = scenario(send("INVITE sip:x"), send(f"{method} sip:x"), "<recv response='200'/>")
    result, served = await both(client, scenario("<recv request='INVITE'/><recv request='INFO'/>"))

    assert served is not None
    assert [] == result.failures
    assert {ScenarioFailure.UNEXPECTED_MESSAGE: 1} == served.statistics.failed


@pytest.mark.parametrize(
    ("aside", "outside", "answered"), [(None, 1, 0), (ANSWER, 0, 1), (SILENT, 0, 1)]
)
async def test_requests_out_of_a_call_have_a_scenario(
    aside: str | None, outside: int, answered: int, autojump_clock: MockClock
) -> None:
    server = scenario(
        "<recv request='OPTIONS'/>",
        send("OPTIONS sip:y").replace("[call_id]", "another"),
        answer("200 OK"),
    )
    out_of_call = None if aside is None else load_sipp_scenario(aside)
    client = scenario(send("OPTIONS sip:x"), "<recv response='200'/><pause milliseconds='500'/>")
    result, _ = await both(client, server, rules=ScenarioRules(out_of_call=out_of_call))
    counted = result.statistics

    assert [] == result.failures
    assert (outside, answered) == (counted.out_of_call, counted.auto_answered)


LOOKUP = scenario(
    """<nop><action>
      <lookup assign_to="line" file="users.csv" key="bob"/>
      <log message="[$line] [field1 line=&quot;[$line]&quot;] [field0] [field0 file=&quot;more&quot;]"/>
      <lookup assign_to="none" file="users.csv" key="nobody"/>
      <insert file="users.csv" value="dave;4"/>
      <lookup assign_to="line" file="users.csv" key="dave"/>
      <log message="[$none] [field1 file=users.csv line=[$line]]"/>
      <replace file="users.csv" line="[$line]" value="dave;5"/>
      <log message="[field1 file=users.csv line=[$line]]"/>
      <assignstr assign_to="u" value="this: is a string"/><urlencode variable="u"/>
      <log message="[$u]"/><urldecode variable="u"/><log message="[$u]"/>
      <gettimeofday assign_to="s,us"/><log message="[$s] [$us]"/>
    </action></nop>""",
)


async def test_files_are_looked_up_and_written() -> None:
    users = read_injection_file("SEQUENTIAL\nalice;1\nbob;2\ncarol;3\n", "users.csv", index=0)
    more = read_injection_file("RANDOM,PRINTF=9,PRINTFOFFSET=5,PRINTFMULTIPLE=2\nx%03d\n", "more")

    result = await _alone(LOOKUP, fields=ScenarioFields(files=[users, more]))

    first, *rest = result.log
    assert "1.000000 2 alice x0" == first[:19]
    assert int(first[-3:]) in range(5, 23, 2)
    assert ["-1.000000 4", "5", "this%3A%20is%20a%20string", "this: is a string"] == rest[:4]
    assert rest[4].endswith("000000")


async def _alone(text: str, **options: Any) -> ScenarioResult:
    async with MemoryNetwork.open() as network:
        host = network.host("a")
        where = Address(host.addresses[0], 5060)
        return await run_sipp_scenario(
            load_sipp_scenario(text), SERVER, network=host, local=where, **options
        )


def test_an_injection_file_says_in_which_order_it_is_read() -> None:
    assert InjectionOrder.USER is read_injection_file("USERS\nx\n").order
    with pytest.raises(ScenarioError, match="want SEQUENTIAL, RANDOM or USER"):
        read_injection_file("alice;1\n")
    with pytest.raises(ScenarioError, match="want PRINTF=…"):
        read_injection_file("USER,PRINTF=x\n")


async def test_variables_of_all_calls_are_set_before_the_first(autojump_clock: MockClock) -> None:
    text = scenario(
        "<Global variables='n,think'/><init><nop condexec='think' condexec_inverse='true'><action>"
        "<assignstr assign_to='think' value='1'/></action></nop></init>",
        "<nop><action><add assign_to='n' value='1'/><log message='[$n] [$think]'/></action></nop>",
    )
    defaults = await _alone(text, calls=2)
    given = await _alone(text, fields=ScenarioFields(variables={"think": "3"}))

    assert ["1.000000 1", "2.000000 1"] == defaults.log
    assert ["1.000000 3"] == given.log


async def test_a_destination_may_change(autojump_clock: MockClock) -> None:
    client = ASK.replace(
        "<send start",
        "<nop><action><setdest host='192.0.2.1' port='5060' protocol='udp'/></action></nop>"
        "<send start",
    )
    async with MemoryNetwork.open() as network, trio.open_nursery() as nursery:
        serve = functools.partial(
            run_sipp_scenario,
            load_sipp_scenario(ANSWER),
            network=network.host("server"),
            local=SERVER,
        )
        await nursery.start(serve)
        result = await run_sipp_scenario(
            load_sipp_scenario(client),
            Address("192.0.2.77", 9),
            network=network.host("client"),
            local=CLIENT,
        )
        wrong = await run_sipp_scenario(
            load_sipp_scenario(client.replace("'udp'", "'tcp'")),
            SERVER,
            network=network.host("client"),
            local=Address(CLIENT.host, 0),
        )

    assert [] == result.failures
    assert ["call 1: line 1: cannot change from UDP to tcp"] == wrong.failures


async def test_a_closed_connection_is_made_anew(autojump_clock: MockClock) -> None:
    client = scenario(
        send("OPTIONS sip:x"), "<recv response='200'/><nop><action><closecon/></action></nop>",
        send("OPTIONS sip:x"), "<recv response='200'/>",
    )  # fmt: skip
    server = scenario(
        "<recv request='OPTIONS'/>", answer("200 OK"), "<recv request='OPTIONS'/>", answer("200 OK")
    )
    result, served = await both(client, server, transport="tcp-per-call")

    assert served is not None
    assert ([], []) == (result.failures, served.failures)
    assert 2 == len({wire.source for wire in served.wires if wire.data.startswith(b"OPTIONS")})


FIRST = scenario(
    send("OPTIONS sip:x"),
    "<recv response='200'><action><ereg regexp='SIP[^ ]*' assign_to='v'/></action></recv>",
    "<sendCmd dest='b'><![CDATA[\nCall-ID: [call_id]\nFrom: a\n\n[$v]\n]]></sendCmd>",
    "<recvCmd src='b'><action><ereg regexp='done.*' assign_to='d'/></action></recvCmd>",
    "<nop><action><log message='[$d]'/></action></nop>",
)
SECOND = scenario(
    "<recvCmd src='a'><action><ereg regexp='SIP.*' assign_to='v'/></action></recvCmd>",
    send("OPTIONS sip:x", "X-Got: [$v]").replace("[$v]\n", "[$v]\n"),
    "<recv response='200'/>",
    "<sendCmd dest='a'><![CDATA[\nCall-ID: [call_id]\nFrom: b\n\ndone\n]]></sendCmd>",
)


@pytest.mark.parametrize("over", ["memory", "sockets"])
async def test_scenarios_send_each_other_commands(over: str, autojump_clock: MockClock) -> None:
    async with MemoryNetwork.open() as network, trio.open_nursery() as nursery:
        hosts = [network.host("server of a"), network.host("server of b")]
        servers = [Address(host.addresses[0], 5060) for host in hosts]
        for host, address in zip(hosts, servers, strict=True):
            serve = functools.partial(
                run_sipp_scenario,
                load_sipp_scenario(ANSWER),
                network=host,
                local=address,
                calls=3,
            )
            await nursery.start(serve)

        async def run(text: str, name: str, server: Address, twin: Twin) -> ScenarioResult:
            host = network.host(name)
            where = Address(host.addresses[0], 0)
            given: Twin | Address = twin
            if over == "sockets":
                text = text.replace("dest='a'", "").replace("dest='b'", "")
                given = Address(network.host("b").addresses[0], 6000)
            return await run_sipp_scenario(
                load_sipp_scenario(text), server, network=host, local=where, calls=3, twin=given
            )

        runs = {
            "b": functools.partial(run, SECOND, "b", servers[1]),
            "a": functools.partial(run, FIRST, "a", servers[0]),
        }
        results = await run_sipp_twins(runs)

    assert ([], []) == (results["a"].failures, results["b"].failures)
    assert ["done"] * 3 == [line.strip() for line in results["a"].log]
    got = [wire.data for wire in results["b"].wires if wire.data.startswith(b"OPTIONS")]
    assert 3 == sum(b"X-Got: SIP/2.0" in data for data in got)
    assert 3 == results["b"].statistics.outgoing


PAUSES = {
    "fixed": ('value="100"', 100),
    "uniform": ('min="50" max="150"', 100),
    "normal": ('mean="100" stdev="5"', 100),
    "lognormal": ('mean="4.6" stdev="0.1"', math.exp(4.605)),
    "exponential": ('mean="100"', 100),
    "weibull": ('lambda="100" k="2"', 100 * math.gamma(1.5)),
    "pareto": ('k="3" x_m="100"', 150),
    "gamma": ('k="2" theta="50"', 100),
    "negbin": ('p="0.1" n="10"', 90),
}


@pytest.mark.parametrize("distribution", PAUSES)
async def test_pauses_are_distributed(distribution: str, autojump_clock: MockClock) -> None:
    parameters, mean = PAUSES[distribution]
    text = scenario(f'<pause distribution="{distribution}" {parameters}/>')
    result = await _alone(text, calls=300, plan=ScenarioPlan(rate=1000))
    again = await _alone(text, calls=300, plan=ScenarioPlan(rate=1000))
    lengths = result.statistics.call_length

    assert pytest.approx(mean / 1000, rel=0.15) == lengths.mean
    assert list(lengths) == pytest.approx(list(again.statistics.call_length))


async def test_the_statistics_are_those_of_sipp(autojump_clock: MockClock) -> None:
    client = ASK.replace(
        "</scenario>",
        "<ResponseTimeRepartition value='10, 50'/><CallLengthRepartition value='10'/></scenario>",
    )
    monitor = ScenarioMonitor()
    assert monitor.statistics is None
    result, _ = await both(client, ANSWER, calls=3, monitor=monitor)
    statistics = result.statistics
    row = next(csv.DictReader(io.StringIO(statistics.csv()), delimiter=";"))
    told = json.loads(statistics.json())

    assert ("3", "3", "0") == (
        row["TotalCallCreated"], row["SuccessfulCall(C)"], row["FailedCall(C)"],
    )  # fmt: skip
    assert ("0", "3", "0") == tuple(
        row[f"ResponseTimeRepartition1_{one}"] for one in ("<10", "<50", ">=50")
    )
    assert "3" == row["CallLengthRepartition_>=10"]
    assert "00:00:00:040000" == row["ResponseTime1(C)"]
    assert {"created": 3, "successful": 3, "outgoing": 3}.items() <= told["calls"].items()
    assert pytest.approx(0.04) == told["response_times"]["1"]["percentiles"]["99"]
    assert [("OPTIONS", 3), ("200", 3)] == [(one.label, one.count) for one in statistics.steps]
