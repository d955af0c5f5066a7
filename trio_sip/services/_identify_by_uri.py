"""Who sent it?  The one whose user name stands in From, or in the Request-URI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_sip.message import Uri
from trio_sip.stack import Endpoint, IncomingRequest
from trio_sip.transport import Address, Flow, Listen

from ._endpoint_directory import EndpointDirectory, as_directory, find_first, possible_names

__all__ = ["IdentifyByRequestUri", "IdentifyByUser"]


class _IdentifyByUri:
    def __init__(
        self,
        endpoints: Mapping[str, Endpoint] | EndpointDirectory,
        *,
        domains: Iterable[str] = (),
        aliases: Mapping[str, str] | None = None,
        cut_user_options: bool = False,
        listener_domains: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = as_directory(endpoints)
        self._domains = frozenset(domain.lower() for domain in domains)
        self._aliases = {alias.lower(): domain.lower() for alias, domain in (aliases or {}).items()}
        self._cut_user_options = cut_user_options
        self._listener_domains = {
            _listener(Listen.parse(text)): domain.lower()
            for text, domain in (listener_domains or {}).items()
        }

    def _names(self, uri: Uri, flow: Flow) -> tuple[str, ...]:
        """What to look up; nothing for other schemes and other domains."""
        if not uri.is_sip:
            return ()
        # Without its escapes: ``%61lice`` is alice (RFC 3261 section 19.1.4).
        user = uri.user
        host = uri.host.lower()
        if user is None or (
            self._domains and host not in self._domains and host not in self._aliases
        ):
            return ()
        if self._cut_user_options:
            user = user.partition(";")[0]
        names = possible_names(user, host, self._aliases)
        if self._listener_domains:
            domain = self._domain_of(flow)
            if domain is not None:
                return (*names[:-1], f"{user}@{domain}", user)
        return names

    def _domain_of(self, flow: Flow) -> str | None:
        """The domain of whichever listener of ours a request came by."""
        host, port = flow.local
        found = self._listener_domains.get((flow.transport, host, port))
        return found or self._listener_domains.get((flow.transport, None, port))


def _listener(listen: Listen) -> tuple[str, str | None, int]:
    where = Address(listen.host, listen.port)
    return listen.transport, None if where.is_wildcard else listen.host, listen.port


class IdentifyByUser(_IdentifyByUri):
    """Identifies by the user in From: what most telephones need.

    Anybody can write any From, so this tells whose password to ask for and proves nothing.
    ``user@domain`` is looked up first, then ``user@`` the domain it is an alias of, then
    ``user@`` the domain of the listener it came by, then the bare ``user``.  Only sip and sips
    count.

    Args:
      endpoints: by name; the mapping may change while it is used.
      domains: where our users live, as in From; empty for anywhere, numeric addresses included.
      aliases: other names of our domains: ``{"192.0.2.1": "example.com"}``.
      cut_user_options: ignore what follows a ``;`` within the user part, where some gateways
        put the options of a telephone number.
      listener_domains: the domains of those who come by some listener, whatever they write:
        ``{"udp://192.0.2.1:5070": "example.net"}``.
    """

    name = "username"

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Look the From up."""
        return await find_first(
            self._directory, self._names(request.message.from_.uri, request.flow)
        )


class IdentifyByRequestUri(_IdentifyByUri):
    """Identifies by the user in the Request-URI, for providers that call each line's own name.

    The arguments are those of `IdentifyByUser`.  It proves even less: it tells who is called.
    """

    name = "request_uri"

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        """Look the Request-URI up."""
        return await find_first(self._directory, self._names(request.uri, request.flow))
