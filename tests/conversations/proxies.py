"""A proxy for conversations: as much of one as RFC 3665 draws, and no timers.

It forwards what comes, says 100 and 407, and does what is between neighbours: ACK for refusals,
and CANCEL.  What it forwards once it forwards again, so that repeating is the business of the
two ends.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Self

import trio

from trio_sip.message import (
    ROUTE,
    Request,
    Response,
    Uri,
    Via,
    create_ack,
    create_cancel,
    create_response,
    parse_message_untrusted,
)
from trio_sip.testing import MemoryHost, MemoryNetwork
from trio_sip.transport import Address

__all__ = ["Proxy"]

_PORT = 5060
_INTERVALS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


class Proxy:
    """What stands between the ends of a conversation."""

    def __init__(
        self,
        host: MemoryHost,
        *,
        ways: Mapping[str, tuple[str, ...]],
        realm: str | None = None,
        gives_up: bool = False,
        edit: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.address = Address(host.addresses[0], _PORT)
        self.uri = f"sip:{self.address.host};lr"
        self._socket = host.bind_datagrams(self.address)
        self._ways = ways
        self._realm = realm
        self._gives_up = gives_up
        self._edit = edit
        self._forwarded: dict[str, list[Request]] = {}
        """What became of each INVITE, by its branch."""
        self._refused: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        network: MemoryNetwork,
        name: str,
        *,
        ways: Mapping[str, tuple[str, ...]],
        realm: str | None = None,
        gives_up: bool = False,
        edit: Callable[[bytes], bytes] | None = None,
    ) -> AsyncIterator[Self]:
        """A proxy on the host of that name.

        Args:
          ways: for the host of a Request-URI, where requests go: with a user part it becomes the
            Request-URI, and without one it is the next proxy.
          realm: of the credentials that an INVITE must have.
          gives_up: repeat each INVITE, and answer it 480 in the end, if nothing comes back.
          edit: changes session descriptions as they pass.
        """
        proxy = cls(network.host(name), ways=ways, realm=realm, gives_up=gives_up, edit=edit)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(proxy._serve, nursery)
            try:
                yield proxy
            finally:
                nursery.cancel_scope.cancel()
                proxy._socket.close()

    async def _serve(self, nursery: trio.Nursery) -> None:
        while True:
            try:
                data, _ = self._socket.receive_nowait()
            except BlockingIOError:
                await self._socket.wait_readable()
            except OSError:
                # Nobody is there; whoever has asked will find out.
                self._socket.take_undelivered()
            else:
                message = parse_message_untrusted(data)
                if isinstance(message, Response):
                    self._take_response(message)
                elif message.method == "INVITE":
                    self._take_invite(message, nursery)
                else:
                    self._take_request(message)

    def _send(self, message: Request | Response, host: str, port: int | None) -> None:
        self._socket.send_nowait(bytes(message), self.address, Address(host, port or _PORT))

    def _respond(self, request: Request, status: int, *headers: tuple[str, str]) -> None:
        tag = None if status == 100 else f"proxy{self.address.host[-1]}"
        response = create_response(request, status, to_tag=tag)
        for name, value in headers:
            response.headers.add(name, value)
        if status >= 300:
            self._refused.add(request.via.branch or "")
        self._send(response, request.via.host, request.via.port)

    # -- downstream

    def _take_invite(self, invite: Request, nursery: trio.Nursery) -> None:
        branch = invite.via.branch or ""
        realm = f'realm="{self._realm}"'
        credentials = invite.headers.get_all("Proxy-Authorization")
        begins = invite.to.tag is None
        if begins and self._realm and not any(realm in one for one in credentials):
            challenge = f'Digest {realm}, nonce="n{self.address.host[-1]}", qop="auth"'
            self._respond(invite, 407, ("Proxy-Authenticate", challenge))
            return
        if begins:
            self._respond(invite, 100)
        again = branch in self._forwarded
        self._forwarded[branch] = [self._forward(invite, uri) for uri in self._next(invite)]
        if self._gives_up and not again:
            nursery.start_soon(self._repeat, invite)

    async def _repeat(self, invite: Request) -> None:
        for interval in _INTERVALS:
            await trio.sleep(interval)
            for request in self._forwarded[invite.via.branch or ""]:
                self._send_on(request)
        await trio.sleep(0.5)
        self._respond(invite, 480)

    def _take_request(self, request: Request) -> None:
        branch = request.via.branch or ""
        if request.method == "CANCEL":
            self._respond(request, 200)
            for forwarded in self._forwarded.get(branch, ()):
                self._send_on(create_cancel(forwarded))
        elif request.method != "ACK" or branch not in self._refused:
            for uri in self._next(request):
                self._forward(request, uri)

    def _next(self, request: Request) -> tuple[str, ...]:
        if len(request.headers[ROUTE]) > 1:
            return (request.target,)
        return self._ways.get(request.uri.host, (request.target,))

    def _forward(self, request: Request, way: str) -> Request:
        """RFC 3261 section 16.6, and 16.11 for the branch."""
        uri = Uri.parse(way)
        target = request.target if uri.user is None else way
        onward = Request(request.method, target, request.headers.copy(), request.body)
        headers = onward.headers
        routes = request.headers[ROUTE]
        if routes and routes[0].uri.host == self.address.host:
            routes = routes[1:]
            headers.remove("Route")
            for route in routes:
                headers.add("Route", route)
        headers.set("Max-Forwards", (request.max_forwards or 70) - 1)
        number = zlib.crc32(f"{request.via.branch} {way}".encode())
        via = Via("UDP", self.address.host, _PORT, {"branch": f"z9hG4bK{number:x}"})
        headers.insert_first("Via", via)
        if request.method == "INVITE" and request.to.tag is None:
            headers.insert_first("Record-Route", f"<{self.uri}>")
        self._rewrite(onward)
        self._send_on(onward, routes[0].uri if routes else uri)
        return onward

    def _rewrite(self, message: Request | Response) -> None:
        if self._edit is not None and message.body:
            message.body = self._edit(message.body)
            message.headers.set("Content-Length", len(message.body))

    def _send_on(self, request: Request, hop: Uri | None = None) -> None:
        hop = request.uri if hop is None else hop
        self._send(request, hop.host, hop.port)

    # -- upstream

    def _take_response(self, response: Response) -> None:
        """RFC 3261 section 16.7; its ACK for refusals is section 17.1.1.3."""
        branch = response.via.branch
        vias = response.headers.get_all("Via")[1:]
        if response.status == 100 or not vias:
            return
        if response.cseq.method == "INVITE" and response.status >= 300:
            for upstream, requests in self._forwarded.items():
                for invite in requests:
                    if invite.via.branch == branch:
                        self._send_on(create_ack(invite, response))
                        self._refused.add(upstream)
        response.headers.remove("Via")
        for via in vias:
            response.headers.add("Via", via)
        self._rewrite(response)
        self._send(response, response.via.host, response.via.port)
