"""Streams on the simulated network, where waiting costs nothing: framing, limits, and the end."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_sip._errors import TransportFailed
from trio_sip.testing import (
    MemoryConnection,
    MemoryHost,
    MemoryNetwork,
    StreamReset,
)
from trio_sip.transport import (
    Address,
    Connection,
    ConnectionListener,
    Flow,
    TransportLayer,
    TransportLimits,
)

from .recorder import Recorder, open_layer, options

VIA = "SIP/2.0/TCP 192.0.2.2:5060;branch=z9hG4bK1"
LISTEN = "tcp://192.0.2.1:5060"
SERVER = Address("192.0.2.1", 5060)


async def answers(stream: Connection, count: int) -> bytes:
    """What comes until so many responses are there."""
    seen = b""
    with trio.fail_after(60):
        while seen.count(b"SIP/2.0 ") < count:
            data = await stream.receive_some()
            assert data, seen
            seen += data
    return seen


async def rest(stream: MemoryConnection) -> bytes:
    """What comes until the end."""
    seen = b""
    with trio.fail_after(60):
        while data := await stream.receive_some():
            seen += data
    return seen


def hosts(network: MemoryNetwork) -> tuple[MemoryHost, MemoryHost]:
    return network.host("server"), network.host("client")


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1000])
async def test_f01_it_does_not_matter_how_a_stream_is_cut(
    size: int, autojump_clock: trio.testing.MockClock
) -> None:
    data = options(VIA, 1, "body") + b"\r\n\r\n" + options(VIA, 2)
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (_, recorder, _):
            stream = await client.connect(SERVER)
            for start in range(0, len(data), size):
                await stream.send_all(data[start : start + size])
                await trio.sleep(0.01)
            seen = await answers(stream, 2)

            assert [message.body for message, _ in recorder.messages] == [b"body", b""]
            assert seen.count(b"SIP/2.0 200 OK") == 2
            assert seen.count(b"\r\n\r\n\r\n") == 1


async def test_f02_a_hundred_messages_in_one_segment_are_answered_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN):
            stream = await client.connect(SERVER)
            await stream.send_all(b"".join(options(VIA, number) for number in range(100)))
            seen = await answers(stream, 100)

    order = [line for line in seen.split(b"\r\n") if line.startswith(b"Call-ID")]
    assert [f"Call-ID: call-{number}".encode() for number in range(100)] == order


async def test_f03_a_ping_is_answered_with_one_crlf_and_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(b"\r\n\r\n")
            pong = await stream.receive_some()
            await stream.send_all(b"\r\n" + options(VIA))
            await answers(stream, 1)

            assert pong == b"\r\n"
            assert layer.statistics().keepalives == 1
            assert recorder.garbage == []


UNFRAMED = {
    "f04_no_length": options(VIA).replace(b"Content-Length: 0\r\n", b""),
    "f05_negative": options(VIA).replace(b"Length: 0", b"Length: -1"),
    "f05_word": options(VIA).replace(b"Length: 0", b"Length: five"),
    "f05_two_numbers": options(VIA).replace(b"Length: 0", b"Length: 0 0"),
    "f06_two_values": options(VIA).replace(b"h: 0\r\n", b"h: 0\r\nContent-Length: 4\r\n"),
    "f07_two_gigabytes": options(VIA).replace(b"Length: 0", b"Length: 2147483648"),
    "f08_endless_line": b"OPTIONS sip:" + b"x" * 70000,
    "f09_http": b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "f09_tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    "f09_ssh": b"SSH-2.0-OpenSSH_9.7\r\n",
}


@pytest.mark.parametrize("name", UNFRAMED)
async def test_a_stream_that_cannot_be_followed_is_ended_after_a_last_answer(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            # A good request after it is never looked at.
            await stream.send_all(options(VIA, 1) + UNFRAMED[name])
            await stream.send_all(options(VIA, 2))
            seen = await rest(stream)
            stream.close()
            await recorder.event("message")
            await recorder.event("garbage")
            await recorder.event("closed")

            assert len(recorder.messages) == 1
            assert seen[seen.rindex(b"SIP/2.0") :] == b"SIP/2.0 400 Bad Request\r\n\r\n"
            ((_, data, _),) = recorder.garbage
            # Only a head that could be read is worth an answer.
            head = UNFRAMED[name].partition(b"\r\n\r\n")[0]
            assert data == (head if name < "f08" else b"")
            assert (layer.statistics().unparsable, layer.statistics().connections) == (1, 0)
        assert network.open_sockets == 0


async def test_a_refused_peer_that_does_not_leave_is_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (_, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(UNFRAMED["f09_http"])
            await recorder.event("garbage")
            start = trio.current_time()
            await recorder.event("closed")

            assert pytest.approx(trio.current_time() - start) == 2.0


async def test_f10_a_partial_message_is_dropped_when_the_stream_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA, 1, "body")[:-1])
            stream.send_eof()
            await recorder.event("closed")

            assert await rest(stream) == b""
            assert recorder.messages == []
            assert layer.statistics().partial_messages == 1
            assert [error for _, error in recorder.closed] == [None]


async def test_f12_resets_are_told_and_leave_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, answering=False) as (layer, recorder, _):
            for number in range(300):
                stream = await client.connect(SERVER)
                await stream.send_all(options(VIA, number))
                stream.reset()
            await trio.sleep(1)

            assert len(recorder.closed) == 300
            assert all(isinstance(error, StreamReset) for _, error in recorder.closed)
            statistics = layer.statistics()
            assert (
                statistics.connections_accepted,
                statistics.connections_broken,
                statistics.connections,
            ) == (300, 300, 0)


async def test_when_all_connections_hold_too_much_the_one_that_holds_most_goes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(partial_bytes=10_000)
    async with MemoryNetwork.open(latency=0.0) as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, limits=limits) as (layer, recorder, _):
            head = options(VIA).replace(b"Content-Length: 0", b"Content-Length: 9000")
            few, many = await client.connect(SERVER), await client.connect(SERVER)
            await few.send_all(head + b"x" * 3000)
            await many.send_all(head + b"x" * 6000)
            await trio.testing.wait_all_tasks_blocked()
            assert 2 == layer.statistics().connections
            await few.send_all(b"x" * 2000)
            await recorder.event("closed")

            assert (1, 1) == (
                layer.statistics().partial_overflows,
                layer.statistics().connections,
            )
            await few.send_all(b"x" * 4000)
            await recorder.event("message")


async def test_f13_a_message_may_take_32_seconds_and_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open(latency=0.0) as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await trio.sleep(20)
            start = trio.current_time()
            with pytest.raises(OSError):  # noqa: PT012, PT011
                for octet in options(VIA):
                    await stream.send_all(bytes([octet]))
                    await trio.sleep(1)
            await recorder.event("closed")

            assert 32 <= trio.current_time() - start <= 34
            assert isinstance(recorder.closed[0][1], TransportFailed)
            assert layer.statistics().slow_messages == 1


async def test_f13_a_slow_sender_may_take_as_long_for_the_next_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (_, recorder, _):
            stream = await client.connect(SERVER)
            for number in range(4):
                data = options(VIA, number)
                await stream.send_all(data[:9])
                await trio.sleep(25)
                await stream.send_all(data[9:])
            await answers(stream, 4)

            assert recorder.closed == []


async def test_f14_idle_connections_are_closed_and_held_ones_are_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(idle_seconds=100)
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, limits=limits) as (layer, recorder, _):
            idle, held = await client.connect(SERVER), await client.connect(SERVER)
            await held.send_all(options(VIA))
            await answers(held, 1)
            layer.hold(recorder.messages[0][1])
            await trio.sleep(60)
            await idle.send_all(options(VIA))
            await answers(idle, 1)
            await trio.sleep(60)
            assert recorder.closed == []

            assert await rest(idle) == b""
            assert (layer.statistics().connections_idle, layer.statistics().connections) == (1, 1)
            layer.release(recorder.messages[0][1])
            start = trio.current_time()
            with trio.fail_after(200):
                assert await held.receive_some() == b""
            assert pytest.approx(trio.current_time() - start, abs=0.1) == 100


async def test_f14_the_one_idle_longest_makes_room_for_a_new_client(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(max_connections=400)
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, limits=limits) as (layer, _, _):
            streams = [await client.connect(SERVER) for _ in range(400)]
            await streams[0].send_all(options(VIA))
            await answers(streams[0], 1)
            new = await client.connect(SERVER)
            await new.send_all(options(VIA))
            await answers(new, 1)

            assert await rest(streams[1]) == b""
            assert (
                layer.statistics().connections,
                layer.statistics().connections_evicted,
            ) == (400, 1)
            await streams[0].send_all(options(VIA))
            await answers(streams[0], 1)


async def test_x05_the_answer_stays_on_the_connection_whatever_the_via_says(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN):
            stream = await client.connect(SERVER)
            await stream.send_all(options("SIP/2.0/TCP 198.51.100.1:9;branch=z9hG4bK1"))
            seen = await answers(stream, 1)

    assert b"SIP/2.0/TCP 198.51.100.1:9;branch=z9hG4bK1;received=192.0.2.2" in seen


def answer_to(via: str, body: str = "") -> bytes:
    """A response that goes where that Via says."""
    return (
        f"SIP/2.0 200 OK\r\nVia: {via};received=192.0.2.2\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


# A port that nobody could have guessed from the connection, whatever rport says about that.
BACK = "SIP/2.0/TCP h:5070;branch=z9hG4bK1;rport"
ANSWER = answer_to(BACK)


@contextlib.asynccontextmanager
async def who_has_asked(
    limits: TransportLimits | None = None,
) -> AsyncIterator[tuple[TransportLayer, Recorder, MemoryConnection, ConnectionListener, Flow]]:
    """A layer that owes an answer, the connection that was asked by, and who else listens."""
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, limits=limits, answering=False) as (layer, it, _):
            listener = client.bind_connections(Address("192.0.2.2", 5070))
            stream = await client.connect(SERVER)
            await stream.send_all(options(BACK))
            await it.event("message")
            with trio.fail_after(100):
                yield layer, it, stream, listener, it.messages[0][1]


async def test_an_answer_finds_its_way_when_the_connection_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    # RFC 3261 section 18.2.2: to the received address at the port in sent-by.
    async with who_has_asked() as (layer, recorder, stream, listener, flow):
        stream.close()
        await recorder.event("closed")

        layer.send_nowait(ANSWER, flow)
        back = await listener.accept()
        assert ANSWER == await back.receive_some()
        with pytest.raises(TransportFailed):
            layer.send_nowait(options(VIA), flow)

        listener.close()
        back.close()
        await recorder.event("closed")
        layer.send_nowait(ANSWER, flow)
        await recorder.event("closed")
        assert flow == recorder.closed[-1][0]
        assert isinstance(recorder.closed[-1][1], TransportFailed)


async def test_an_answer_that_finds_the_connection_broken_takes_another_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with who_has_asked() as (layer, recorder, stream, listener, flow):
        # The network has broken it, and nobody has looked since.
        stream.other.vanish()
        layer.send_nowait(ANSWER, flow)
        # Now it is closed, and its reader does not know yet.
        layer.send_nowait(ANSWER, flow)
        back = await listener.accept()
        seen = await answers(back, 2)
        await recorder.event("closed")

        assert 2 * ANSWER == seen
        assert 0 == layer.statistics().sends_failed


async def test_answers_that_waited_for_a_reader_go_again_when_the_connection_breaks(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with who_has_asked() as (layer, recorder, stream, listener, flow):
        many = [answer_to(BACK, f"{number}" * 10_000) for number in range(9)]
        for one in many:
            layer.send_nowait(one, flow)
        await trio.sleep(1)
        stream.reset()
        await recorder.event("closed")
        back = await listener.accept()
        seen = b""
        while len(seen) < 3 * len(many[0]):
            seen += await back.receive_some()

        # Six have gone, which only the other side's kernel knows more of, and half of the next.
        assert seen == b"".join(many[6:])


async def test_an_answer_goes_to_who_has_connected_anew_to_ask_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with who_has_asked() as (layer, recorder, stream, listener, flow):
        listener.close()
        stream.close()
        await recorder.event("closed")
        again, other = await stream.host.connect(SERVER), await stream.host.connect(SERVER)
        await again.send_all(options(BACK))
        await other.send_all(options(VIA))
        await recorder.event("message")
        await recorder.event("message")
        layer.send_nowait(ANSWER, flow)

        assert ANSWER == await again.receive_some()


async def test_who_reads_too_slowly_gets_no_second_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with who_has_asked(TransportLimits(send_queue_bytes=1000)) as (layer, _, _, _, flow):
        layer.send_nowait(answer_to(BACK, "x" * 66_000), flow)
        with pytest.raises(TransportFailed):
            layer.send_nowait(answer_to(BACK, "x" * 1000), flow)

        assert 0 == layer.statistics().connections_opened


async def test_a_connection_that_breaks_under_the_answer_ends_the_attempt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with who_has_asked() as (layer, recorder, stream, listener, flow):
        stream.close()
        await recorder.event("closed")
        layer.send_nowait(answer_to(BACK, "x" * 100_000), flow)
        back = await listener.accept()
        await back.receive_some()
        back.close()
        await recorder.event("closed")
        await trio.sleep(30)

        assert 1 == layer.statistics().connections_opened


async def test_who_asks_and_then_says_no_more_is_answered_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, answering=False) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA, 1) + options(VIA, 2))
            stream.send_eof()
            await recorder.event("message")
            await recorder.event("message")
            flow = recorder.messages[0][1]
            await trio.sleep(1)

            layer.send_nowait(b"SIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n", flow)
            layer.send_nowait(answer, flow)
            layer.send_nowait(answer, flow)

            assert 2 * answer == (await rest(stream)).partition(b"\r\n\r\n")[2]
            await recorder.event("closed")
            assert 0 == layer.statistics().connections


async def test_who_says_no_more_is_not_waited_for_when_no_answer_is_owed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (_, _, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA))
            await answers(stream, 1)
            begin = trio.current_time()
            stream.send_eof()

            assert b"" == await rest(stream)
            assert 0.5 > trio.current_time() - begin


async def test_an_end_does_not_cut_off_what_a_slow_reader_has_still_to_read(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answer = b"SIP/2.0 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, answering=False) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA))
            await recorder.event("message")
            layer.send_nowait(answer, recorder.messages[0][1])
            stream.send_eof()
            await trio.sleep(1)

            assert answer == await rest(stream)


async def test_x09_running_out_of_descriptors_pauses_accepting_and_is_logged_once(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (layer, _, _):
            listener = server.listener_at(SERVER)
            assert listener is not None
            start = trio.current_time()
            with caplog.at_level(logging.ERROR):
                for number in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                    listener.fail(OSError(number, "no"))
                stream = await client.connect(SERVER)
                await stream.send_all(options(VIA))
                await answers(stream, 1)

            assert layer.statistics().accepts_failed == 3
            assert len(caplog.records) == 1
            assert 0.2 <= trio.current_time() - start < 0.3


async def test_z05_a_reader_that_does_not_read_is_cut_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, answering=False) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA))
            await recorder.event("message")
            flow = recorder.messages[0][1]
            sent = 0
            with pytest.raises(TransportFailed):  # noqa: PT012
                for _ in range(200):
                    layer.send_nowait(bytes(10000), flow)
                    sent += 10000
            await recorder.event("closed")

            assert (1 << 20) - 10000 <= sent <= (1 << 20) + 65536
            assert layer.statistics().queue_overflows == 1
            assert isinstance(recorder.closed[0][1], TransportFailed)
            stream.close()


async def test_what_was_queued_for_a_slow_reader_arrives_whole_and_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, answering=False) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA))
            await recorder.event("message")
            sent = b"".join(b"%06d" % number for number in range(50000))
            for start in range(0, len(sent), 30000):
                layer.send_nowait(sent[start : start + 30000], recorder.messages[0][1])
            await trio.sleep(5)
            seen = b""
            while len(seen) < len(sent):
                seen += await stream.receive_some(10000)
                await trio.sleep(0.1)

            assert sent == seen


async def test_two_who_want_the_same_connection_share_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN), open_layer(client) as (layer, recorder, _):
            flows = []

            async def ask() -> None:
                flows.append(await layer.flow_for("TCP", SERVER))

            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as impatient:
                    nursery.start_soon(ask)
                    nursery.start_soon(ask)
                    impatient.cancel()
                    await layer.flow_for("TCP", SERVER)

            assert flows[0] == flows[1] == await layer.flow_for("TCP", SERVER)
            assert flows[0] == layer.flow_nowait("TCP", SERVER)
            assert layer.statistics().connections_opened == 1
            # A client's connection carries what it asks, and its answer.
            layer.send_nowait(options(layer.sent_by(flows[0]).join(("SIP/2.0/TCP ", ""))), flows[0])
            await recorder.event("message")


async def test_connecting_to_nobody_fails_for_all_who_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        _, client = hosts(network)
        async with open_layer(client) as (layer, _, _):
            for _ in range(2):
                with pytest.raises(TransportFailed) as caught:
                    await layer.flow_for("TCP", SERVER)
            assert isinstance(caught.value.__cause__, OSError)
            network.partition("server")
            start = trio.current_time()
            with pytest.raises(TransportFailed):
                await layer.flow_for("TCP", SERVER)
            assert trio.current_time() - start == 10
            assert layer.statistics().connects_failed == 3


async def test_a_connection_needs_a_layer_that_runs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        _, client = hosts(network)
        async with open_layer(client) as (layer, _, _):
            await layer.aclose()
            with pytest.raises(trio.ClosedResourceError):
                await layer.flow_for("TCP", SERVER)


async def test_nothing_outlives_a_cancelled_layer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, "udp://192.0.2.1:5060") as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA))
            await answers(stream, 1)
        assert network.open_sockets == 1
        assert [error for _, error in recorder.closed] == [None]
        assert await rest(stream) == b""
        stream.close()
        assert (network.open_sockets, layer.statistics().connections) == (0, 0)


async def test_a_request_without_a_via_is_dropped_and_the_connection_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            await stream.send_all(options(VIA).replace(b"Via:", b"Vix:") + options(VIA, 2))
            await answers(stream, 1)

            assert layer.statistics().without_via == 1
            assert [message.call_id for message, _ in recorder.messages] == ["call-2"]


async def test_a_flood_of_pings_from_one_who_never_reads_ends_its_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits = TransportLimits(send_queue_bytes=1000)
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with open_layer(server, LISTEN, limits=limits) as (layer, recorder, _):
            stream = await client.connect(SERVER)
            with pytest.raises(StreamReset):  # noqa: PT012
                for _ in range(100):
                    await stream.send_all(b"\r\n\r\n" * 1000)
            await recorder.event("closed")

            assert layer.statistics().queue_overflows == 1
            assert layer.statistics().connections == 0


async def test_the_answers_on_their_way_over_another_connection_are_few(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with who_has_asked(TransportLimits(returning_answers=1)) as (
        layer,
        recorder,
        stream,
        listener,
        flow,
    ):
        stream.close()
        await recorder.event("closed")
        layer.send_nowait(ANSWER, flow)
        with pytest.raises(TransportFailed):
            layer.send_nowait(ANSWER, flow)
        back = await listener.accept()
        assert ANSWER == await back.receive_some()

        layer.send_nowait(ANSWER, flow)
        assert ANSWER == await back.receive_some()


@pytest.mark.parametrize("data", [b"SIP/2.0 200 OK\r\n\r\n", b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n"])
async def test_an_answer_that_names_nobody_goes_nowhere(
    data: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with who_has_asked() as (layer, recorder, stream, _, flow):
        stream.close()
        await recorder.event("closed")

        with pytest.raises(TransportFailed):
            layer.send_nowait(data, flow)


async def test_pings_are_answered_and_flows_that_are_given_up_say_why(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with MemoryNetwork.open() as network:
        server, client = hosts(network)
        async with (
            open_layer(server, LISTEN),
            open_layer(client, answering=False) as (layer, recorder, _),
        ):
            flow = await layer.flow_for("TCP", SERVER)
            layer.ping(flow)
            await trio.sleep(1)
            life = layer.signs_of_life(flow)
            layer.close_flow(flow, "enough")
            await recorder.event("closed")

            assert (1, 1) == life
            assert "enough" in str(recorder.closed[0][1])
            layer.close_flow(flow, "again")
            assert (0, 0) == layer.signs_of_life(flow)
            with pytest.raises(TransportFailed):
                layer.ping(flow)
