"""TLS on the sockets of this machine, with clients that are not ours: ssl, and openssl."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from trio_sip.testing import CertificateAuthority
from trio_sip.transport import (
    Address,
    ClientCertificates,
    SocketNetwork,
    TlsSettings,
    TransportLayer,
    TransportLimits,
)

from .recorder import Recorder, open_layer, options

VIA = "SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK1;rport"


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@contextlib.asynccontextmanager
async def serving(
    tls: TlsSettings, host: str = "127.0.0.1", limits: TransportLimits | None = None
) -> AsyncIterator[tuple[TransportLayer, Recorder, Address]]:
    shown = f"[{host}]" if ":" in host else host
    async with open_layer(SocketNetwork(), f"tls://{shown}:0", tls=tls, limits=limits) as (
        layer,
        recorder,
        (bound,),
    ):
        yield layer, recorder, Address(bound.host, bound.port)


def ask(context: ssl.SSLContext, place: Address, name: str) -> tuple[bytes, str | None]:
    """The answer to a request, with Python's own sockets; and the version that was agreed on."""
    with (
        socket.create_connection(place, timeout=5) as sock,
        context.wrap_socket(sock, server_hostname=name) as client,
    ):
        client.sendall(options(VIA))
        return client.recv(65536), client.version()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_python_s_own_client_is_served(
    host: str, version: ssl.TLSVersion, authority: CertificateAuthority
) -> None:
    context = ssl.create_default_context(cafile=str(authority.path))
    context.maximum_version = version
    async with serving(authority.settings("example.com"), host) as (_, _, place):
        answer, agreed = await trio.to_thread.run_sync(ask, context, place, "example.com")

        assert answer.startswith(b"SIP/2.0 200 OK")
        assert {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name] == agreed


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_what_is_too_old_is_refused(authority: CertificateAuthority) -> None:
    context = ssl.create_default_context(cafile=str(authority.path))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(authority.settings("example.com")) as (layer, recorder, place):
        with pytest.raises(ssl.SSLError):
            await trio.to_thread.run_sync(ask, context, place, "example.com")
        await trio.sleep(0.05)

        assert 1 == layer.statistics().handshakes_failed
        assert [] == recorder.messages


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_proves_itself_with_a_certificate(
    version: ssl.TLSVersion, authority: CertificateAuthority
) -> None:
    context = ssl.create_default_context(cafile=str(authority.path))
    context.maximum_version = version
    context.load_cert_chain(authority.issue("sip:client.example").path)
    tls = authority.settings("example.com", client_certificates=ClientCertificates.REQUIRED)
    async with serving(tls) as (layer, recorder, place):
        answer, _ = await trio.to_thread.run_sync(ask, context, place, "example.com")
        strangers = ssl.create_default_context(cafile=str(authority.path))
        with contextlib.suppress(OSError):  # Whichever end notices first.
            assert (b"", "TLSv1.3") == await trio.to_thread.run_sync(
                ask, strangers, place, "example.com"
            )
        await recorder.event("message")
        await recorder.event("closed")
        await trio.sleep(0.05)

        assert answer.startswith(b"SIP/2.0 200 OK")
        assert (1, 1) == (len(recorder.messages), layer.statistics().handshakes_failed)


async def test_openssl_s_own_client_is_served(authority: CertificateAuthority) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl")
    async with serving(authority.settings("example.com")) as (layer, _, place):
        process = await trio.lowlevel.open_process(
            [
                openssl, "s_client", "-quiet", "-verify_return_error",
                "-verify_hostname", "example.com", "-CAfile", str(authority.path),
                "-connect", str(place),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        with trio.fail_after(10):
            await process.stdin.send_all(options(VIA))
            while b"\r\n\r\n" not in seen:
                seen += await process.stdout.receive_some()
            await process.stdin.aclose()
            process.terminate()
            await process.wait()

        assert seen.startswith(b"SIP/2.0 200 OK")
        assert 0 == layer.statistics().handshakes_failed


async def test_hundreds_of_half_handshakes_hold_up_nobody_and_leave_nothing(
    authority: CertificateAuthority,
) -> None:
    limits = TransportLimits(max_connections=100, connect_seconds=1.0)
    context = ssl.create_default_context(cafile=str(authority.path))
    async with serving(authority.settings("example.com"), limits=limits) as (layer, _, place):
        crowd = []
        for number in range(300):
            sock = trio.socket.socket()
            await sock.connect(place)
            await sock.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[: number % 12])
            crowd.append(sock)
        began = trio.current_time()
        answer, _ = await trio.to_thread.run_sync(ask, context, place, "example.com")
        took = trio.current_time() - began
        for sock in crowd:
            sock.close()
        with trio.fail_after(5):
            while layer.statistics().connections:  # noqa: ASYNC110  (nobody tells)
                await trio.sleep(0.02)

        assert answer.startswith(b"SIP/2.0 200 OK")
        assert took < 1.0
        assert 300 <= layer.statistics().handshakes_failed + layer.statistics().connections_broken


async def test_a_large_message_arrives_at_a_slow_reader(authority: CertificateAuthority) -> None:
    tls = authority.settings("127.0.0.1")
    async with (
        serving(tls) as (_, heard, place),
        open_layer(SocketNetwork(), tls=authority.settings(), answering=False) as (client, _, _),
    ):
        flow = await client.flow_for("TLS", place)
        for number in range(3):
            client.send_nowait(options(VIA, number + 1, "x" * 300_000), flow)
        for _ in range(3):
            await heard.event("message")

        assert [300_000] * 3 == [len(message.body) for message, _ in heard.messages]
