"""Who sent it, by the certificate that his connection was opened with."""

from __future__ import annotations

import pytest

from trio_sip.services import DigestAuthenticator, IdentifyByCertificate
from trio_sip.stack import Endpoint, open_stack
from trio_sip.testing import CertificateAuthority, MemoryNetwork
from trio_sip.transport import ClientCertificates

from .conversation import REALM, Recorder

ENDPOINTS = {name: Endpoint(name=name) for name in ("carrier.example", "192.0.2.77")}


@pytest.mark.parametrize(
    ("names", "transport", "known"),
    [
        (("sip:Carrier.example",), "tls", "carrier.example"),
        (("other.example", "carrier.example"), "tls", "carrier.example"),
        (("192.0.2.77",), "tls", "192.0.2.77"),
        (("carrier.example",), "wss", "carrier.example"),
        (("other.example",), "tls", None),
        (("sip:other.example", "carrier.example"), "tls", None),
        ((), "tls", None),
        (("carrier.example",), "tcp", None),
    ],
)
async def test_whoever_has_a_certificate_for_the_domain_is_not_challenged(
    names: tuple[str, ...],
    transport: str,
    known: str | None,
    sip_network: MemoryNetwork,
    sip_tls: CertificateAuthority,
) -> None:
    recorder = Recorder()
    async with (
        open_stack(
            *(f"{scheme}://0.0.0.0" for scheme in ("tcp", "tls", "wss")),
            network=sip_network.host("server"),
            services=[recorder],
            identifiers=[IdentifyByCertificate(ENDPOINTS)],
            authenticator=DigestAuthenticator(REALM, {}, open_identifiers=("certificate",)),
            tls=sip_tls.settings("server", client_certificates=ClientCertificates.WANTED),
            strict=True,
        ),
        open_stack(network=sip_network.host("client"), tls=sip_tls.settings(*names)) as client,
    ):
        response = await client.send_request("INFO", f"sip:server;transport={transport}")

        assert (401 if known is None else 200) == response.status
        assert [known][: len(recorder.requests)] == [one.endpoint.name for one in recorder.requests]
