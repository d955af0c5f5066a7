"""WebSockets with JsSIP, the telephone in many web pages, run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from trio_sip.auth import PlainSecret
from trio_sip.services import (
    DigestAuthenticator,
    IdentifyByUser,
    MemoryLocation,
    MessageService,
    Registrar,
)
from trio_sip.stack import Endpoint, IncomingRequest, open_stack
from trio_sip.testing import CertificateAuthority
from trio_sip.transport import Flow

from .peers import npm
from .running import open_program

pytestmark = pytest.mark.interop

_PACKAGE = "jssip@3.13.8"
_PHONE = Path(__file__).parent / "systems" / "jssip_phone.js"
_ADDRESS = "sip:alice@127.0.0.1"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_jssip_registers_and_is_reached_over_its_connection(
    scheme: str, tmp_path: Path
) -> None:
    authority = CertificateAuthority()
    heard: list[bytes] = []

    async def hear(request: IncomingRequest) -> None:
        heard.append(request.message.body)

    node = npm(tmp_path / "library", _PACKAGE)
    location = MemoryLocation()
    async with open_stack(
        f"{scheme}://127.0.0.1:0",
        services=[Registrar(location), MessageService(hear)],
        identifiers=[IdentifyByUser({"alice": Endpoint(name="alice")})],
        authenticator=DigestAuthenticator("here", {"alice": PlainSecret("alice", "secret")}),
        tls=authority.settings("127.0.0.1"),
        strict=True,
    ) as stack:
        (home := tmp_path / "phone").mkdir()
        url = f"{scheme}://127.0.0.1:{stack.listening[0].port}"
        command: list[str | Path] = [
            node,
            "--experimental-websocket",
            _PHONE,
            url,
            _ADDRESS,
            "secret",
        ]
        library = str(tmp_path / "library" / "node_modules")
        with open_program(
            command, home, NODE_PATH=library, NODE_EXTRA_CA_CERTS=str(authority.path)
        ) as phone:

            async def wait_for(*texts: str) -> str:
                return await trio.to_thread.run_sync(phone.wait_for, *texts)

            assert "registered" == await wait_for("registered")
            (binding,) = await location.bindings(_ADDRESS, trio.current_time())
            assert isinstance(binding.flow, Flow)
            assert scheme.upper() == binding.flow.transport
            assert ".invalid;transport=ws" in binding.contact
            response = await stack.send_request("MESSAGE", binding.contact, "hello, browser")
            assert 200 == response.status
            assert "text: hello, browser" == await wait_for("text:")
            phone.type("sip:bob@127.0.0.1")
            assert "sent: 200" == await wait_for("sent:")
            phone.type("stop")
            assert "unregistered" == await wait_for("unregistered")
            await trio.to_thread.run_sync(phone.process.wait, 10)

        assert [b"hello from a browser"] == heard
        assert () == tuple(await location.bindings(_ADDRESS, trio.current_time()))
        assert 1 == stack.statistics().transport.connections_accepted
    authority.close()
