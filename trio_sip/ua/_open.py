"""Opening a user agent: on a stack of its own, or on one that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import (
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    nullcontext,
)

import trio

from trio_sip.message import NameAddr, Uri
from trio_sip.services import OptionsService
from trio_sip.session import SessionSettings
from trio_sip.stack import (
    Credentials,
    Service,
    Stack,
    StackSettings,
    Tokens,
    open_stack,
)
from trio_sip.transport import Listen, Network, TlsSettings

from ._account import AnswersFor, as_loose_route, create_account, parse_address
from ._presence import AnswersOptions
from ._user_agent import Route, UserAgent

__all__ = ["open_user_agent"]


def _loose_routes(proxies: Route | Sequence[Route]) -> tuple[NameAddr, ...]:
    several = [proxies] if isinstance(proxies, NameAddr | Uri | str) else proxies
    return tuple(as_loose_route(proxy) for proxy in several)


@asynccontextmanager
async def open_user_agent(
    address: NameAddr | Uri | str,
    *,
    display_name: str | None = None,
    password: str | None = None,
    credentials: Credentials | None = None,
    outbound_proxy: Route | Sequence[Route] = (),
    contact_user: str | None = None,
    user_phone: bool = False,
    answers_for: AnswersFor | None = None,
    listen: str | Listen | Sequence[str | Listen] = (),
    services: Iterable[Service] = (),
    call_settings: SessionSettings | None = None,
    call_limit: int = 10_000,
    stack: Stack | None = None,
    network: Network | None = None,
    settings: StackSettings | None = None,
    strict: bool = False,
    tokens: Tokens | None = None,
    grace: float = 4.0,
    tls: TlsSettings | None = None,
) -> AsyncIterator[UserAgent]:
    """Run a user agent for as long as the block runs.

    Calls of it that are there when the block is left end with it.

    Args:
      address: who it is: ``sip:alice@example.com``, with a display name if it likes.
      display_name: what others see; instead of the one in *address*.
      password: answers challenges for the user of *address*.  It is shown to requests that go
        to the domain of *address* or to the outbound proxy, and to nobody else.
      credentials: instead of *password*, for who knows more: realms, hashes, other names.
      outbound_proxy: where every request outside of dialogs goes first; a loose route, or
        several.
      contact_user: the user part of Contact; that of *address* if left out.
      user_phone: say ``;user=phone`` where a user part is a number.
      answers_for: whose requests it takes: anybody's that come here, if it has its stack for
        itself, and its own address's alone on a shared one, if left out.
      listen: as for `trio_sip.stack.open_stack`; a UDP port if left out.
      services: more of them for its stack.
      call_settings: what calls ask for and put up with: 100rel, session timers; the defaults, with
        the timers of *settings*, if left out.
      call_limit: so many calls that came may be there at once; further ones are answered 486.
      stack: run on this one, with others; what concerns the sockets is then its business, and
        is not to be given here.
      network, settings, strict, tokens, grace, tls: as for `trio_sip.stack.open_stack`.

    Raises:
      TransportFailed: an address cannot be bound.
      LocalProtocolError: something in the arguments cannot be.

    Cancellation: the block is cancelled first, over sockets that still work.
    """
    account = create_account(
        parse_address(address, display_name),
        password=password,
        credentials=credentials,
        outbound_proxy=_loose_routes(outbound_proxy),
        contact_user=contact_user,
        user_phone=user_phone,
        answers_for=answers_for or (AnswersFor.ANYBODY if stack is None else AnswersFor.ITSELF),
    )
    listens = [listen] if isinstance(listen, str | Listen) else listen
    services = tuple(services)
    if not any(isinstance(service, OptionsService) for service in services):
        services = (OptionsService(), *services)
    async with AsyncExitStack() as blocks:
        running = await blocks.enter_async_context(
            open_stack(
                *listens,
                services=services,
                network=network,
                settings=settings,
                strict=strict,
                tokens=tokens,
                grace=grace,
                tls=tls,
            )
            if stack is None
            else nullcontext(stack)
        )
        user_agent = UserAgent(
            running,
            account,
            call_settings=call_settings or SessionSettings(timers=running.settings.timers),
            call_limit=call_limit,
        )
        await blocks.enter_async_context(_at_work(user_agent, grace))
        yield user_agent


@asynccontextmanager
async def _at_work(user_agent: UserAgent, grace: float) -> AsyncIterator[None]:
    """Let its stack hand things to *user_agent*, and at the end say what goodbyes are owed."""
    with ExitStack() as registered:
        for own in (user_agent.calls, user_agent.notifications, AnswersOptions(user_agent)):
            registered.enter_context(user_agent.stack.registered(own))
        try:
            yield
        finally:
            # Calls that live in tasks outside of the block.
            with trio.move_on_after(grace, shield=True):
                await user_agent.calls.aclose()
