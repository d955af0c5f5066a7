"""The pytest plugin, seen by the projects that use it."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

import trio_sip.testing
from tests.conftest import PLUGIN

# A run in this process forgets the modules that it was the first to import, and the next one
# would have each class twice.
for _found in pkgutil.iter_modules(trio_sip.testing.__path__, "trio_sip.testing."):
    importlib.import_module(_found.name)
importlib.import_module("trio_sip._names")

_OPTIONS = ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:cov"]
_IMPORT_LIMIT_US = 20_000


class Run(Protocol):
    def __call__(self, text: str, *options: str) -> pytest.RunResult: ...


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run a file of tests in this process."""
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers")

    def run(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_it="import pytest\nimport trio\n" + text)
        loaded = [word for name in PLUGIN for word in ("-p", name)]
        return pytester.runpytest_inprocess(*_OPTIONS, *loaded, *options)

    return run


def section(result: pytest.RunResult, title: str) -> list[str]:
    """The lines of a section of the first report that has it."""
    lines = result.stdout.lines
    start = next(n for n, line in enumerate(lines) if f" {title} " in line and "---" in line)
    ends = (n for n, line in enumerate(lines) if n > start and line[:2] in ("--", "==", "__"))
    return lines[start + 1 : next(ends)]


PHONE = """
async def dial(network, uri, seen):
    from trio_sip import open_stack
    async with open_stack("udp://192.0.2.77:5060", network=network.host("phone", "192.0.2.77")) as s:
        response = await s.send_request("INVITE", uri, headers=[("Contact", "<sip:a@192.0.2.77>")])
        seen.append(response.status)
"""


@pytest.mark.parametrize("mode", ["trio_mode = true", ""])
def test_a_passing_test_runs_on_virtual_time(
    run: Run, pytester: pytest.Pytester, mode: str
) -> None:
    pytester.makeini(f"[pytest]\n{mode}")
    result = run(
        PHONE
        + """
async def test_busy(sip_network, sip_peer, nursery):
    seen = []
    nursery.start_soon(dial, sip_network, sip_peer.uri, seen)
    invite = await sip_peer.expect("INVITE")
    await invite.respond(180)
    await trio.sleep(600)
    await invite.respond(486)
    await sip_peer.expect("ACK")
    assert [486] == seen
"""
    )

    result.assert_outcomes(passed=1)
    assert result.duration < 5


def test_a_failure_shows_the_ladder_and_the_seed_with_which_to_see_it_again(run: Run) -> None:
    result = run(
        PHONE
        + """
async def test_impatient(sip_network, sip_peer, nursery):
    nursery.start_soon(dial, sip_network, sip_peer.uri, [])
    invite = await sip_peer.expect("INVITE")
    await trio.sleep(5)
    await invite.respond(180)
    await sip_peer.expect("CANCEL", within=10)
""",
        "--sip-seed=7",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       await sip_peer.expect("CANCEL", within=10)',
            "E       trio_sip.testing.MissingMessage: peer expected CANCEL, but nothing came in 10 s",
            "test_it.py:*: MissingMessage",
        ]
    )
    assert [
        "          phone                     peer",
        "   0.000  |----------INVITE-------->|  again at 0.500, 1.500, 3.500",
        "   5.020  |<------180 (INVITE)------|",
        "again with --sip-seed=7",
    ] == section(result, "SIP ladder")


def test_the_message_that_was_not_expected_is_marked(run: Run) -> None:
    result = run(
        """
async def test_wrong(make_sip_peer):
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    await alice.request("OPTIONS", bob.uri)
    options = await bob.expect("OPTIONS")
    await options.respond(200)
    await alice.request("MESSAGE", bob.uri, headers=[("Authorization", 'Digest response="s3cret"')])
    await bob.expect("MESSAGE", to__user="carol")
""",
        "--sip-trace",
    )

    result.assert_outcomes(failed=1)
    marked = [line for line in section(result, "SIP ladder") if "not expected" in line]
    assert ["MESSAGE" in line for line in marked] == [True]
    result.stdout.fnmatch_lines(["E         to.user: expected 'carol', got 'bob'"])
    result.stdout.fnmatch_lines(["*- SIP trace -*", "MESSAGE sip:bob@*"])
    assert "s3cret" not in "\n".join(
        line for line in result.stdout.lines if not line.lstrip("> ").startswith("await alice")
    )


def test_a_message_that_no_script_expected_fails_the_test(run: Run) -> None:
    result = run(
        """
async def test_left(make_sip_peer):
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    await alice.request("MESSAGE", bob.uri)
    await trio.sleep(0.1)
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["UnexpectedMessage: nobody expected what bob got: MESSAGE at 0.020 s"]
    )
    result.stdout.no_fnmatch_line("*entries are hidden*")


def test_a_test_that_hangs_fails_at_once_and_says_where_it_waits(run: Run) -> None:
    result = run(
        """
async def wait_for_godot():
    await trio.sleep_forever()

@pytest.mark.sip(deadline=100)
async def test_hangs(sip_peer, nursery):
    nursery.start_soon(wait_for_godot)
    await trio.Event().wait()
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "HangsForever: after 100 virtual seconds the test still waits:",
            "*test_it.py:10 in test_hangs",
            "*test_it.py:5 in wait_for_godot",
        ]
    )
    assert result.duration < 5


def test_a_test_that_hangs_in_real_time_fails_at_its_deadline(run: Run) -> None:
    result = run(
        """
@pytest.mark.sip(worlds=["loopback"], deadline=0.02)
async def test_hangs(sip_peer):
    await trio.Event().wait()
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["HangsForever: after 0.02 seconds the test still waits:", "*test_it.py:6 in test_hangs"]
    )


def test_what_a_test_leaves_open_fails_it_and_names_the_line(run: Run) -> None:
    result = run(
        """
from trio_sip.dialog import Dialog, DialogId
from trio_sip.message import NameAddr
from trio_sip.transport import Address

async def test_work(sip_stack):
    sip_stack.create_work("forgotten")

async def test_socket(sip_network):
    sip_network.host("x").bind_datagrams(Address("192.0.2.1", 9))

async def test_dialog(sip_stack):
    alice, bob = NameAddr("sip:alice@example.com"), NameAddr("sip:bob@example.com")
    id = DialogId("c", "a", "b")
    dialog = Dialog(id=id, local=alice, remote=bob, remote_target=bob.uri)
    sip_stack.add_dialog(dialog, None)

async def test_registration(sip_registrar, sip_peer):
    sent = await sip_peer.request("REGISTER", sip_registrar.uri, headers=[("Expires", "600")])
    await sent.expect(200)

@pytest.mark.sip(leaks=False)
async def test_forgiven(sip_registrar, sip_peer):
    sent = await sip_peer.request("REGISTER", sip_registrar.uri, headers=[("Expires", "600")])
    await sent.expect(200)
"""
    )

    result.assert_outcomes(failed=4, passed=1)
    result.stdout.fnmatch_lines(
        [
            "Leak: the test has left open:",
            "  stack: 1 work, opened at test_it.py:9 in test_work",
            "Leak: the test has left sockets open:",
            "  x: UDP socket 192.0.2.1:9, opened at test_it.py:12 in test_socket",
            "  stack: 1 dialog, opened at test_it.py:18 in test_dialog",
            "  registrar: sip:192.0.2.* is still registered at sip:peer@192.0.2.*",
        ]
    )


@pytest.mark.parametrize("plugin", [(), ("-p", "no:trio")])
def test_a_test_makes_stacks_that_live_until_its_end(run: Run, plugin: tuple[str, ...]) -> None:
    result = run(
        """
from trio_sip import OptionsService
from trio_sip.stack import StackSettings

@pytest.fixture
async def bob(make_sip_stack):
    return await make_sip_stack("bob", OptionsService(), listen=["udp"])

async def ask(peer, stack, results):
    sent = await peer.request("OPTIONS", f"sip:{stack.listening[0].host}")
    results.append((await sent.final()).status)

async def test_two(make_sip_stack, sip_network, bob, sip_peer):
    settings = StackSettings(retry_after=9)
    async with trio.open_nursery() as nursery:
        # A stack outlives the task that has made it.
        carol = await make_sip_stack("carol", settings=settings)
    assert (1, 2) == (len(bob.listening), len(carol.listening))
    hosts = [sip_network.host(name).addresses[0] for name in ("bob", "carol")]
    assert hosts == [one.listening[0].host for one in (bob, carol)]
    assert settings is carol.settings
    results = []
    for stack in (bob, carol):
        await ask(sip_peer, stack, results)
    assert [200, 405] == results

async def test_tls(make_sip_stack, make_sip_peer):
    await make_sip_stack("gina", OptionsService(), listen=["tls"])
    peer = make_sip_peer("peer")
    sent = await peer.request("OPTIONS", "sip:gina:5061;transport=tls")
    await sent.expect(200)

async def test_leak(make_sip_stack):
    stack = await make_sip_stack("dave")
    await make_sip_stack("erin")
    stack.create_work("forgotten")

async def test_strict(make_sip_stack, sip_peer):
    from trio_sip.stack import Service

    class Broken(Service):
        name = "broken"
        methods = frozenset({"OPTIONS"})

        async def on_request(self, request):
            raise ValueError("a defect of the service")

    await make_sip_stack("frank", Broken())
    await sip_peer.request("OPTIONS", "sip:frank")
    await trio.sleep_forever()
""",
        *plugin,
    )

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["  dave: 1 work, opened at test_it.py:* in test_leak"])
    result.stdout.no_fnmatch_line("*erin: *")
    result.stdout.fnmatch_lines(["*a defect of the service*"])


def test_a_call_that_nobody_ends_fails_the_test_and_names_the_line(run: Run) -> None:
    result = run(
        """
async def call(alice, bob, nursery, **options):
    nursery.start_soon(bob.answer)
    return await alice.invite(bob.uri, **options)

@pytest.fixture
def alice(make_sip_peer):
    return make_sip_peer("alice")

@pytest.fixture
def bob(make_sip_peer):
    return make_sip_peer("bob")

async def test_open(alice, bob, nursery):
    await call(alice, bob, nursery)
    await trio.sleep(1)

@pytest.mark.sip(leaks=False)
async def test_forgiven(alice, bob, nursery):
    await call(alice, bob, nursery)
    await trio.sleep(1)

async def test_a_bye_without_an_answer(alice, bob, nursery):
    ours = await call(alice, bob, nursery)
    await ours.send("BYE", lost=True, t1=100)

async def test_an_automatic_answer_to_a_bye(alice, bob, nursery):
    ours = await call(alice, bob, nursery)
    bob.answer_automatically("BYE", status=481)
    await (await ours.send("BYE")).expect(481)

async def test_never_confirmed(alice, bob):
    sent = await alice.request("INVITE", bob.uri, headers=[("Subject", "x")])
    invite = await bob.expect("INVITE")
    theirs = bob.call_of(invite)
    await invite.respond(200)
    ours = alice.call_of(await sent.final())

async def test_refused(alice, bob):
    sent = await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    theirs = bob.call_of(invite)
    await invite.respond(486)
    await sent.final()
"""
    )

    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            "Leak: the test has left calls open, without a BYE:",
            "  alice: call alice2alice3, begun at test_it.py:6 in call",
            "  bob: call alice2alice3, begun at test_it.py:6 in call",
        ]
    )


def test_a_request_that_a_service_keeps_is_a_leak_with_the_line_where_it_waits(run: Run) -> None:
    text = """
import trio
from trio_sip import Service

class Callee(Service):
    name = "callee"
    priority = 100
    methods = frozenset({"INVITE"})

    async def on_request(self, request):
        await trio.sleep_forever()

async def test_kept(sip_stack, sip_peer):
    await sip_stack.add_service(Callee())
    sip_peer.ignore(range(100, 700))
    await sip_peer.request("INVITE", f"sip:x@{sip_stack.listening[0].host}")
    await trio.sleep(1)
"""
    result = run(text)

    result.assert_outcomes(failed=1)
    line = "*1 request without an answer, whose service waits at test_it.py:* in on_request"
    result.stdout.fnmatch_lines([line])


def test_one_test_runs_in_three_worlds(run: Run) -> None:
    text = """
from contextlib import asynccontextmanager
from trio_sip import OptionsService, open_stack

@asynccontextmanager
async def server(place):
    async with open_stack(place.listen(), network=place.network, services=[OptionsService()]) as s:
        yield f"sip:{s.listening[0].host}:{s.listening[0].port}"

@pytest.mark.sip(worlds=["simulator", "loopback", "device"])
async def test_ping(sip_world, sip_peer):
    async with sip_world.system(server) as uri:
        sent = await sip_peer.request("OPTIONS", uri)
        await sent.expect(200)
"""
    result = run(text, "-v")

    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(
        ["*::test_ping?simulator? PASSED*", "*?loopback? PASSED*", "*?device? SKIPPED*"]
    )


def test_the_device_is_an_option(run: Run) -> None:
    with trio_sip.testing.open_peer_thread(name="device") as device:
        device.answer_automatically("OPTIONS")
        result = run(
            """
@pytest.mark.sip(worlds=["device"])
async def test_ping(sip_world, sip_peer):
    async with sip_world.system(None) as uri:
        sent = await sip_peer.request("OPTIONS", uri)
        await sent.expect(200)
""",
            f"--sip-device={device.uri}",
        )

    result.assert_outcomes(passed=1)


def test_a_test_runs_with_many_seeds_and_on_any_link(run: Run) -> None:
    result = run(
        """
@pytest.mark.sip(seeds=5, loss=0.3, latency=0.1)
@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE"])
async def test_lossy(make_sip_peer, method, sip_network, sip_seed):
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    sent = await alice.request(method, bob.uri)
    came = await bob.expect(method)
    await came.respond(200)
    await sent.expect(200)
    assert sip_seed == sip_network.seed
"""
    )

    result.assert_outcomes(passed=10)


def test_markers_add_up_and_the_closest_has_the_last_word(run: Run) -> None:
    result = run(
        """
pytestmark = pytest.mark.sip(loss=1, deadline=10)

bad = pytest.mark.sip(seeds=2, deadline=20)

@bad
@pytest.mark.sip(deadline=30)
async def test_lossy(make_sip_peer, sip_network):
    one, other = make_sip_peer("one", retransmits=False), make_sip_peer("other")
    await one.request("OPTIONS", other.uri)
    await other.expect_nothing(within=25)
    assert 1 == len(sip_network.wires)
"""
    )

    result.assert_outcomes(passed=2)


def test_files_are_written_for_each_test_that_said_something(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        """
async def test_says(sip_peer):
    sent = await sip_peer.request("OPTIONS", sip_peer.uri)
    await (await sip_peer.expect("OPTIONS")).respond(200)
    await sent.expect(200)

async def test_silent(sip_peer):
    pass
""",
        "--sip-pcap=pcap",
        "--sip-svg=svg",
    )

    result.assert_outcomes(passed=2)
    assert ["test_it.py-test_says.pcapng"] == [f.name for f in (pytester.path / "pcap").iterdir()]
    svg = (pytester.path / "svg" / "test_it.py-test_says.svg").read_text()
    assert "200 (OPTIONS)" in svg


def test_without_pytest_trio_tests_and_async_fixtures_run_all_the_same(run: Run) -> None:
    result = run(
        """
from trio_sip import OptionsService

@pytest.fixture
async def server(sip_stack):
    await sip_stack.add_service(OptionsService())
    yield sip_stack

@pytest.fixture
async def uri(server):
    return f"sip:{server.listening[0].host}"

@pytest.fixture
def upper(uri):
    return uri.upper()

async def test_ping(sip_peer, uri, upper, server):
    assert upper == uri.upper()
    sent = await sip_peer.request("OPTIONS", uri)
    await sent.expect(200)
    await trio.sleep(1000)

async def test_fails(sip_peer, uri):
    await sip_peer.expect("BYE")

async def test_waits(sip_peer):
    await trio.sleep_forever()
""",
        "-p",
        "no:trio",
    )

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*MissingMessage: peer expected BYE*", "HangsForever:*"])


def test_a_sync_test_is_told_which_fixture_is_for_it(run: Run) -> None:
    result = run("def test_sync(sip_peer): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*sip_peer_thread is for all others*"])


def test_a_sync_test_shows_its_ladder_too_and_fails_for_what_is_left(run: Run) -> None:
    result = run(
        """
from trio_sip.testing import open_peer_thread

def test_wrong(sip_peer_thread):
    with open_peer_thread(name="bob") as bob:
        bob.answer_automatically("OPTIONS")
        assert sip_peer_thread.request("OPTIONS", bob.uri).status == 486

def test_left(sip_peer_thread):
    with open_peer_thread(name="bob") as bob:
        bob.peer.patience = 0.05
        with pytest.raises(AssertionError):
            bob.request("MESSAGE", sip_peer_thread.uri)
"""
    )

    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.fnmatch_lines(["   0.*|<-----200 (OPTIONS)------|"])
    result.stdout.fnmatch_lines(["*nobody expected what peer got: MESSAGE*"])


def test_what_is_left_by_a_test_that_was_expected_to_fail_is_no_error(run: Run) -> None:
    result = run("""
import pytest

@pytest.mark.xfail(raises=AssertionError, strict=True)
def test_known(sip_peer_thread):
    for number in range(2):
        sip_peer_thread.run(lambda peer: peer.request("OPTIONS", peer.uri))
    sip_peer_thread.expect("INVITE")

@pytest.mark.xfail(raises=AssertionError, strict=True)
async def test_known_too(make_sip_peer):
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    await alice.request("OPTIONS", bob.uri)
    await alice.request("OPTIONS", bob.uri)
    await bob.expect("INVITE")
""")

    result.assert_outcomes(xfailed=2)


def test_other_tests_keep_their_clock_and_an_explicit_one_wins(run: Run) -> None:
    result = run(
        """
import time

@pytest.mark.trio
async def test_real():
    before = time.monotonic()
    await trio.sleep(0.01)
    assert time.monotonic() - before >= 0.009

async def test_explicit(sip_peer, mock_clock):
    mock_clock.rate = 1000
    await trio.sleep(1)
    assert trio.lowlevel.current_clock() is mock_clock
"""
    )

    result.assert_outcomes(passed=2)


def test_a_random_seed_is_drawn_once_and_shown(run: Run) -> None:
    result = run(
        """
@pytest.mark.parametrize("number", range(2))
async def test_seed(sip_peer, sip_seed, number):
    await sip_peer.request("OPTIONS", sip_peer.uri)
    await trio.sleep(0.1)
""",
        "--sip-seed=random",
    )

    result.assert_outcomes(failed=2)
    seeds = {line for line in result.stdout.lines if line.startswith("again with --sip-seed=")}
    assert 1 == len(seeds)


def test_the_fixtures_and_options_say_what_they_are_for(
    run: Run, pytester: pytest.Pytester
) -> None:
    fixtures = run("", "--fixtures", "-v").stdout.str()
    options = run("", "--help").stdout.str()

    for name in (
        "sip_network", "sip_peer", "make_sip_peer", "sip_stack", "make_sip_stack", "sip_registrar",
        "sip_peer_thread", "sip_world", "sip_seed",
    ):  # fmt: skip
        assert f"\n{name}" in fixtures
    for option in ("--sip-trace", "--sip-pcap", "--sip-svg", "--sip-seed", "--sip-device"):
        assert option in options


def test_the_plugin_costs_next_to_nothing_when_it_is_not_used() -> None:
    code = "import pytest, trio_sip.testing._pytest_plugin"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    ours = [line for line in done.stderr.splitlines() if "trio_sip" in line]

    assert {"trio_sip", "trio_sip.testing", "trio_sip.testing._pytest_plugin"} == {
        line.rpartition("|")[2].strip() for line in ours
    }
    assert sum(int(line.split("|")[0].rpartition(":")[2]) for line in ours) < _IMPORT_LIMIT_US


def test_what_may_explain_a_failure_is_said_in_words(run: Run) -> None:
    result = run(
        """
async def test_unacknowledged(make_sip_peer):
    alice, bob = make_sip_peer("alice", profile="behind a NAT"), make_sip_peer("bob")
    await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    await invite.respond(200)
    await bob.expect("ACK")
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- SIP explained -*", "*no ACK*"])


def test_reports_are_a_hundred_columns_wide(run: Run) -> None:
    result = run(
        """
async def test_unacknowledged(make_sip_peer, sip_network):
    sip_network.nat("alice")
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    await alice.request("INVITE", bob.uri)
    invite = await bob.expect("INVITE")
    await invite.respond(200)
    await bob.expect("ACK")
"""
    )

    result.assert_outcomes(failed=1)
    for title in ("SIP ladder", "SIP explained"):
        lines = section(result, title)
        assert 100 >= max(map(len, lines)), lines
    assert any(line.startswith("  ") for line in section(result, "SIP explained"))


def test_the_same_seed_gives_the_same_trace_in_every_run(run: Run) -> None:
    result = run(
        """
traces = []

@pytest.mark.parametrize("number", range(5))
@pytest.mark.sip(seed=3, loss=0.2, jitter=0.01)
async def test_crowd(make_sip_peer, sip_network, nursery, number):
    bob = make_sip_peer("bob")
    bob.answer_automatically("OPTIONS")

    async def ask(peer):
        for _ in range(3):
            sent = await peer.request("OPTIONS", bob.uri)
            await sent.expect(200)

    async with trio.open_nursery() as crowd:
        for name in "abcdefgh":
            crowd.start_soon(ask, make_sip_peer(name))
    traces.append([(w.time, w.source, w.data, w.fate) for w in sip_network.wires])
    assert traces[0] == traces[-1]
"""
    )

    result.assert_outcomes(passed=5)
