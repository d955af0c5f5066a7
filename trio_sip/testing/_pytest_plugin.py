"""The pytest plugin: fixtures, options, and what a failing test shows of its conversation.

It is loaded in every run of everybody who has this package installed, so it imports nothing
before the first test asks for one of its fixtures.

How a test comes to its virtual time: a fixture cannot give a test the clock that it runs on.  So
each test that uses one of ours is marked with pytest-trio's own ``run=`` hook, which makes the
clock, starts network and peers, runs the test with all its fixtures, and looks at what is left.
Without pytest-trio we run the test, and its async fixtures, ourselves.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from trio_sip.stack import Stack

    from ._certificates import CertificateAuthority
    from ._makers import MakeSipPeer, MakeSipStack
    from ._scene import Scene
    from ._test_registrar import TestRegistrar
    from ._worlds import SipWorld
    from .network import MemoryNetwork
    from .peer import PeerThread, SipPeer

_SCENE = pytest.StashKey["Scene"]()
_THREAD = pytest.StashKey["PeerThread"]()
_FAILED = pytest.StashKey[bool]()
# What pytest-trio's fixture ``nursery`` gives, for its runner to replace.
_PLACEHOLDER = "NURSERY_FIXTURE_PLACEHOLDER"
_LARGEST_SEED = 2**32
_MARKER = (
    "sip(seed=N, seeds=N, worlds=[...], deadline=S, leaks=False, loss=P, latency=S, ...): "
    "conditions of a test that uses the sip_ fixtures"
)
_OWN_WORDS = frozenset({"seed", "seeds", "worlds", "deadline", "leaks"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of ours."""
    group = parser.getgroup("sip", "SIP conversations (trio-sip)")
    group.addoption(
        "--sip-seed",
        metavar="N",
        help="seed of the simulated network, or 'random'; 0 if left out",
    )
    group.addoption(
        "--sip-trace", action="store_true", help="show every message of every test, without secrets"
    )
    group.addoption("--sip-pcap", metavar="DIR", help="write a pcapng file for each test")
    group.addoption("--sip-svg", metavar="DIR", help="draw the conversation of each test")
    group.addoption(
        "--sip-device", metavar="URI", help="the system for tests in the world 'device'"
    )
    group.addoption(
        "--sip-target", metavar="udp:HOST:PORT", help="what trio_sip.testing.suite is aimed at"
    )
    group.addoption(
        "--sip-tls-ca", metavar="FILE", help="PEM: whom peers trust over TLS, not the system's"
    )
    group.addoption("--sip-user", metavar="NAME", help="whom the suite calls, and who answers")
    group.addoption("--sip-ringing-user", metavar="NAME", help="whose telephone only rings")
    group.addoption(
        "--sip-credentials", metavar="USER:PASSWORD", help="what the suite answers challenges with"
    )
    group.addoption(
        "--sip-slow", action="store_true", help="with a target, run the suite's longest tests, too"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say what our marker is, and throw the dice once."""
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("--sip-seed") == "random":
        config.option.sip_seed = str(random.randrange(_LARGEST_SEED))  # noqa: S311
    target = config.getoption("--sip-target")
    if target is not None:
        config.option.sip_device = _uri_of_target(target)


def _uri_of_target(text: str) -> str:
    """The URI that ``udp:127.0.0.1:5060`` stands for."""
    transport, _, address = text.partition(":")
    if transport not in ("udp", "tcp", "tls", "ws", "wss") or not address.strip("/"):
        raise pytest.UsageError(
            f"--sip-target is udp:HOST:PORT, or tcp: or tls: or ws: or wss:, not {text!r}"
        )
    return f"sip:{address.strip('/')};transport={transport}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Several seeds, several worlds: a test for each."""
    words = _words(metafunc.definition)
    seeds, worlds = words.get("seeds"), words.get("worlds")
    if seeds is not None and "sip_seed" in metafunc.fixturenames:
        numbers = range(seeds) if isinstance(seeds, int) else list(seeds)
        metafunc.parametrize("sip_seed", numbers, indirect=True, ids=lambda n: f"seed{n}")
    if worlds is not None and "_sip_world_kind" in metafunc.fixturenames:
        metafunc.parametrize("_sip_world_kind", list(worlds), indirect=True, ids=list(worlds))


# Any: whatever each word wants.
def _words(node: pytest.Item) -> dict[str, Any]:
    """What the markers of a test, its class and its module say; the closest has the last word."""
    words: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("sip"))):
        words |= marker.kwargs
    return words


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let our tests run on the clock of their world."""
    items[:] = [_not_asyncio(item) if _is_ours(item) else item for item in items]
    if not config.pluginmanager.hasplugin("trio"):
        return
    for item in items:
        if _is_ours(item):
            run = functools.partial(_run, item)
            item.add_marker(pytest.mark.trio(run=run), append=False)


def _is_ours(item: pytest.Item) -> bool:
    return "_sip_scene" in getattr(item, "fixturenames", ()) and _is_async(item)


def _not_asyncio(item: pytest.Item) -> pytest.Item:
    """*item* as an ordinary function; in its ``auto`` mode, pytest-asyncio takes every coroutine."""
    if not (isinstance(item, pytest.Function) and type(item).__module__.startswith("pytest_asyn")):
        return item
    assert item.parent is not None
    plain: pytest.Item = pytest.Function.from_parent(
        item.parent,
        name=item.name,
        callspec=getattr(item, "callspec", None),
        callobj=item.obj,
        fixtureinfo=item._fixtureinfo,
        keywords=item.keywords,
        originalname=item.originalname,
    )
    plain.own_markers = [one for one in item.own_markers if one.name != "asyncio"]
    return plain


def _is_async(item: pytest.Item) -> bool:
    function = getattr(item, "obj", None)
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return inspect.iscoroutinefunction(inner)


# Any: whatever the test returns, which is nothing.
def _run(
    item: pytest.Item, async_fn: Callable[[], Any], *, clock: Any = None, instruments: Any = ()
) -> Any:
    """What pytest-trio calls instead of `trio.run`.  A clock that the test names itself wins."""
    import trio

    __tracebackhide__ = True
    scene = item.stash.get(_SCENE, None)
    if scene is None:
        return trio.run(async_fn, clock=clock, instruments=instruments)
    chosen = scene.clock() if clock is None else clock
    try:
        return trio.run(scene.perform, async_fn, clock=chosen, instruments=instruments)
    except BaseException as error:
        traceback = _from_the_test(item, error.__traceback__)
        if traceback is None and isinstance(error, AssertionError) and not _inner_test(item):
            # Hypothesis has notes to add to the error.  Otherwise: what is found at the end has no line in the test, and ours are of no interest.
            _fail(f"{type(error).__name__}: {error}")
        raise error.with_traceback(traceback) from error.__cause__


def _fail(text: str) -> NoReturn:
    # Not hidden as its caller is: pytest complains when it finds nothing at all to show.
    raise pytest.fail.Exception(text, pytrace=False) from None


def _from_the_test(item: pytest.Item, traceback: TracebackType | None) -> TracebackType | None:
    """What is of interest of a traceback: from the test's own file on."""
    entry = traceback
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == str(item.path):
            return entry
        entry = entry.tb_next
    return None


# -- async fixtures


@pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_fixture_setup")
def pytest_fixture_setup_for_trio(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """Show other plugins nothing async: in its ``auto`` mode, pytest-asyncio takes it."""
    # Any: pytest's own types are private.
    function = fixturedef.func
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if not (is_async and _is_ours(request.node)) or _is_asyncios(function):
        return (yield)
    fixturedef.func = _as_plain(function)
    try:
        return (yield)
    finally:
        fixturedef.func = function


def _is_asyncios(function: Callable[..., Any]) -> bool:
    """Whether it says itself that it is for asyncio, by ``@pytest_asyncio.fixture``."""
    return getattr(getattr(function, "__func__", function), "_force_asyncio_fixture", False)


def _as_plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def plain(**arguments: Any) -> Any:
        return function(**arguments)

    plain.__name__ = function.__name__
    # By this, pytest-trio, and we where it is not, know what to run in the test's own loop.
    return _forced_trio_fixture(plain)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Any:
    """Put async fixtures of our tests off until there is a loop to run them."""
    if not _is_ours(request.node):
        return None
    if request.config.pluginmanager.hasplugin("trio") and _inner_test(request.node) is None:
        return None
    function = fixturedef.func
    kwargs = {name: request.getfixturevalue(name) for name in fixturedef.argnames}
    from ._later import Later

    is_later = getattr(function, "_force_trio_fixture", False)
    if not is_later and not any(isinstance(one, Later) for one in kwargs.values()):
        return None
    later = Later(function, kwargs)
    fixturedef.cached_result = (later, fixturedef.cache_key(request), None)
    return later


# -- without pytest-trio, and for each example of Hypothesis


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Give each example of Hypothesis a world, and async fixtures, of its own."""
    inner = _inner_test(item) if _is_ours(item) else None
    if inner is None:
        return (yield)

    # Hypothesis hides the names that it gives values to, not those of the fixtures.
    @functools.wraps(inner)
    def run(**values: Any) -> None:
        __tracebackhide__ = True
        item.stash[_SCENE].begin_example()
        _run_with_fixtures(item, inner, values)

    # By this, pytest-trio knows that somebody has seen to it.
    run._trio_test_runner_wrapped = True  # type: ignore[attr-defined]
    handle = item.obj.hypothesis  # type: ignore[attr-defined]  # a function that it has made
    handle.inner_test = run
    try:
        return (yield)
    finally:
        handle.inner_test = inner


# Any: whatever the test takes.
def _inner_test(item: pytest.Item) -> Callable[..., Any] | None:
    """The test that Hypothesis runs again and again."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    return getattr(handle, "inner_test", None)


def _run_with_fixtures(
    item: pytest.Item, function: Callable[..., Any], values: dict[str, Any]
) -> None:
    import trio

    from ._later import resolved

    async def main() -> None:
        async with resolved(values) as arguments, trio.open_nursery() as nursery:
            for name, value in arguments.items():
                if getattr(value, "__name__", None) == _PLACEHOLDER:
                    arguments[name] = nursery
            await function(**arguments)
            nursery.cancel_scope.cancel()

    __tracebackhide__ = True
    clocks = [one for one in values.values() if isinstance(one, trio.abc.Clock)]
    _run(item, main, clock=clocks[0] if clocks else None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Make our tests plain functions, which run themselves and nobody else wants to."""
    function = pyfuncitem.obj
    if (
        not _is_ours(pyfuncitem)
        or not inspect.iscoroutinefunction(function)
        or pyfuncitem.config.pluginmanager.hasplugin("trio")
    ):
        return (yield)

    def run(**values: Any) -> None:
        __tracebackhide__ = True
        _run_with_fixtures(pyfuncitem, function, values)

    pyfuncitem.obj = run
    try:
        return (yield)
    finally:
        pyfuncitem.obj = function


# -- what is shown


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Add the conversation to the report of a test that has failed."""
    outcome = yield
    report = outcome.get_result()
    scene = item.stash.get(_SCENE, None) or item.stash.get(_THREAD, None)
    if scene is None:
        return
    if report.when == "call" and call.excinfo is not None:
        # Also if it was expected to, or has skipped what was left of it.
        item.stash[_FAILED] = True
    from ._test_report import drawing, findings, messages, write_files

    if report.failed and scene.wires():
        report.sections.append(("SIP ladder", drawing(scene)))
        if found := findings(scene):
            report.sections.append(("SIP explained", found))
    if item.config.getoption("--sip-trace") and (report.failed or report.when == "call"):
        report.sections.append(("SIP trace", messages(scene)))
    if report.when == "call" and scene.wires():
        write_files(
            scene,
            item.nodeid,
            pcap=item.config.getoption("--sip-pcap"),
            svg=item.config.getoption("--sip-svg"),
        )


# -- fixtures


@pytest.fixture
def sip_seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test: of the marker, of ``--sip-seed``, or 0."""
    given = request.config.getoption("--sip-seed")
    if given is not None:
        return int(given)
    own = _words(request.node).get("seed", 0)
    return int(getattr(request, "param", own))


@pytest.fixture
def _sip_world_kind(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "simulator"))


@pytest.fixture
def _sip_scene(
    request: pytest.FixtureRequest, sip_seed: int, _sip_world_kind: str
) -> Iterator[Scene]:
    from ._scene import Scene
    from ._worlds import WorldKind

    if not _is_async(request.node):
        pytest.fail(
            "sip_network, sip_peer and their like are for async tests; "
            "sip_peer_thread is for all others",
            pytrace=False,
        )
    kind = WorldKind(_sip_world_kind)
    device = request.config.getoption("--sip-device")
    if kind is WorldKind.DEVICE and device is None:
        pytest.skip("there is no --sip-device")
    words = _words(request.node)
    scene = request.node.stash[_SCENE] = Scene(
        kind=kind,
        seed=sip_seed,
        device=device if kind is WorldKind.DEVICE else None,
        deadline=words.get("deadline"),
        check_leaks=words.get("leaks", True),
        trusted=request.config.getoption("--sip-tls-ca"),
        link={name: value for name, value in words.items() if name not in _OWN_WORDS},
    )
    yield scene
    scene.close()


@pytest.fixture
def sip_tls(_sip_scene: Scene) -> CertificateAuthority:
    """A certificate authority that the peers of this test trust: ``sip_tls.settings("example.com")``.

    A peer with the transports TLS or WSS has a certificate of it for its address and its name.
    """
    from trio_sip._errors import LocalProtocolError

    try:
        return _sip_scene.authority
    except LocalProtocolError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def sip_network(_sip_scene: Scene) -> MemoryNetwork:
    """A simulated network on virtual time."""
    return _sip_scene.network


@pytest.fixture
def sip_world(_sip_scene: Scene) -> SipWorld:
    """Where this test takes place, by ``@pytest.mark.sip(worlds=["simulator", "loopback"])``."""
    return _sip_scene.world


@pytest.fixture
def make_sip_peer(_sip_scene: Scene) -> MakeSipPeer:
    """A function that makes peers: ``make_sip_peer("bob", profile="compact")``."""
    return _sip_scene.make_peer


@pytest.fixture
def sip_peer(_sip_scene: Scene) -> SipPeer:
    """The other side of a conversation."""
    return _sip_scene.make_peer("peer")


def _forced_trio_fixture(function: Callable[..., Any]) -> Callable[..., Any]:
    # What pytest_trio.trio_fixture does, which must not be imported here.
    function._force_trio_fixture = True  # type: ignore[attr-defined]  # pytest-trio's own mark
    return function


@pytest.fixture
@_forced_trio_fixture
async def make_sip_stack(_sip_scene: Scene) -> AsyncIterator[MakeSipStack]:
    """A function that runs stacks: ``stack = await make_sip_stack("bob", OptionsService())``."""
    from ._test_stack import open_stack_maker

    async with open_stack_maker(_sip_scene) as make:
        yield make


@pytest.fixture
@_forced_trio_fixture
async def sip_stack(make_sip_stack: MakeSipStack) -> Stack:
    """A strict stack without services, listening on UDP and TCP of its host ``stack``."""
    return await make_sip_stack("stack")


@pytest.fixture
@_forced_trio_fixture
async def sip_registrar(_sip_scene: Scene) -> AsyncIterator[TestRegistrar]:
    """A registrar, open to all until it is given users."""
    from ._test_registrar import open_test_registrar

    async with open_test_registrar(_sip_scene) as registrar:
        yield registrar


@pytest.fixture
def sip_peer_thread(request: pytest.FixtureRequest, sip_seed: int) -> Iterator[PeerThread]:
    """A peer in a thread of its own, on real sockets, for tests that know nothing of trio."""
    from .peer import open_peer_thread

    with open_peer_thread(seed=sip_seed) as peer:
        request.node.stash[_THREAD] = peer
        yield peer
        if not request.node.stash.get(_FAILED, False):
            peer.check_nothing_is_left()
