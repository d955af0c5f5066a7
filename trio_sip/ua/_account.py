"""Who a user agent is: the rules that its From, Contact, Route and credentials follow."""

from __future__ import annotations

import enum

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.auth import OutboundAuthenticator, OutboundCredential, PlainSecret
from trio_sip.message import NameAddr, Params, Uri
from trio_sip.stack import Credentials, LocalContact

__all__ = ["Account", "AnswersFor", "as_loose_route", "create_account", "parse_address"]


class AnswersFor(enum.Enum):
    """Which requests outside of dialogs a user agent takes."""

    ANYBODY = "whoever is asked for"
    """What is sent here is meant for us, whatever its Request-URI says: gateways, switches,
    telephones behind a switch that calls them by other names."""

    ITSELF = "its own address"
    """The Request-URI must name its contact or its address: several users share a stack."""


@attrs.frozen(kw_only=True)
class Account:
    """An address, and what is needed to speak in its name."""

    address: NameAddr
    """From and To of a REGISTER, and From of everything else."""

    contact_user: str | None = None
    """The user part of Contact, by which requests to us are told apart."""

    outbound_proxy: tuple[NameAddr, ...] = ()
    """Loose routes that every request outside of dialogs takes first."""

    authenticator: OutboundAuthenticator | None = attrs.field(default=None, repr=False)
    """Answers challenges, and remembers their nonces."""

    secret: PlainSecret | None = attrs.field(default=None, repr=False)
    """The password, if the authenticator was made of it."""

    trusted: frozenset[str] = frozenset()
    """The hosts that the password is shown to."""

    user_phone: bool = False
    """Say ``;user=phone`` where a user part is a number."""

    answers_for: AnswersFor = AnswersFor.ITSELF
    """Which requests are for us."""

    @property
    def domain(self) -> str:
        """The host of the address."""
        return self.address.uri.host

    @property
    def name(self) -> str:
        """What tells user agents of one stack apart, for names of services."""
        uri = self.address.uri
        return str(uri) if uri.user == self.contact_user else f"{uri} as {self.contact_user}"

    def trusting(self, *hosts: str) -> Account:
        """The same account, whose password is shown to *hosts*, too."""
        trusted = self.trusted | {host.lower() for host in hosts}
        if self.secret is None or trusted == self.trusted:
            return self
        return attrs.evolve(
            self,
            trusted=trusted,
            authenticator=OutboundAuthenticator(
                [OutboundCredential(self.secret, next_hops=trusted)]
            ),
        )

    def from_(self) -> NameAddr:
        """The From of a request, but for its tag."""
        if not self.user_phone:
            return self.address
        return NameAddr(as_phone(self.address.uri), self.address.display_name)

    def target(self, target: Uri | str) -> Uri:
        """The Request-URI for *target*.

        Raises:
          LocalProtocolError: it is not a URI.
        """
        uri = parse_uri(target)
        return as_phone(uri) if self.user_phone else uri

    def contact(self, first_hop: Uri, params: Params | None = None) -> LocalContact:
        """The Contact of a request that goes to *first_hop*, but for its address.

        RFC 3261 section 8.1.1.8: "If the Request-URI or top Route header field value contains a
        SIPS URI, the Contact header field MUST contain a SIPS URI as well."
        """
        return LocalContact(
            user=self.contact_user,
            secure=first_hop.scheme == "sips",
            params=Params() if params is None else params,
        )

    def is_addressed_by(self, uri: Uri) -> bool:
        """Whether a request to *uri* is for us: it names our contact or our address, if it must."""
        if self.answers_for is AnswersFor.ANYBODY:
            return True
        if not uri.is_sip:
            return False
        if uri.user == self.contact_user:
            return True
        ours = self.address.uri
        return uri.user == ours.user and uri.host.lower() == ours.host.lower()


def as_phone(uri: Uri) -> Uri:
    """*uri* with ``;user=phone`` if its user part is a number."""
    user = uri.user or ""
    digits = user.removeprefix("+")
    is_number = digits.isascii() and bool(digits) and not digits.strip("0123456789*#")
    if not (uri.is_sip and is_number) or "user" in uri.params:
        return uri
    return uri.replace(params=uri.params.replace(user="phone"))


def as_loose_route(proxy: NameAddr | Uri | str) -> NameAddr:
    """A proxy as the value of a Route: RFC 3261 section 8.1.2 wants it loose."""
    try:
        hop: NameAddr | Uri | str = proxy
        if isinstance(hop, str):
            # Without brackets the parameters are those of the URI: nobody means anything else.
            hop = NameAddr.parse(hop) if "<" in hop else Uri.parse(hop)
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"outbound proxy {proxy!r}: {error}") from None
    uri = hop.uri if isinstance(hop, NameAddr) else hop
    if not uri.is_sip:
        raise LocalProtocolError(f"outbound proxy {str(uri)!r}: want a SIP URI")
    if "lr" not in uri.params:
        uri = uri.replace(params=uri.params.replace(lr=None))
    return NameAddr(uri)


def parse_uri(uri: Uri | str) -> Uri:
    """The URI; what cannot be read is a `LocalProtocolError`, for it is our side's."""
    try:
        return Uri.parse(uri)
    except RemoteProtocolError as error:
        raise LocalProtocolError(str(error)) from None


def parse_address(address: NameAddr | Uri | str, display_name: str | None) -> NameAddr:
    """An address without tag and parameters, for From."""
    try:
        parsed = NameAddr(address) if isinstance(address, Uri) else NameAddr.parse(address)
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"address: {error}") from None
    if not parsed.uri.is_sip:
        raise LocalProtocolError(f"address {str(parsed.uri)!r}: want a SIP URI")
    name = parsed.display_name if display_name is None else display_name
    return NameAddr(parsed.uri.without_headers(), name)


def create_account(
    address: NameAddr,
    *,
    password: str | None,
    credentials: Credentials | None,
    outbound_proxy: tuple[NameAddr, ...],
    contact_user: str | None,
    user_phone: bool,
    answers_for: AnswersFor,
) -> Account:
    """An account; a password is shown to its domain and its proxies, and to nobody else.

    Raises:
      LocalProtocolError: a password and credentials, or a password for nobody.
    """
    user = address.uri.user
    if password is not None and credentials is not None:
        raise LocalProtocolError("give a password or credentials, not both")
    if password is not None and user is None:
        raise LocalProtocolError("a password needs an address with a user part")
    account = Account(
        address=address,
        contact_user=user if contact_user is None else contact_user,
        outbound_proxy=outbound_proxy,
        authenticator=as_authenticator(credentials),
        secret=None if password is None or user is None else PlainSecret(user, password),
        user_phone=user_phone,
        answers_for=answers_for,
    )
    return account.trusting(address.uri.host, *(hop.uri.host for hop in outbound_proxy))


def as_authenticator(credentials: Credentials | None) -> OutboundAuthenticator | None:
    """Whatever was given as credentials, as one thing that remembers nonces."""
    if credentials is None or isinstance(credentials, OutboundAuthenticator):
        return credentials
    if isinstance(credentials, OutboundCredential):
        credentials = (credentials,)
    return OutboundAuthenticator(credentials)
