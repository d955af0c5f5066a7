"""Rules about passwords: which of the things that can be wrong is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._finding import Said, times
from ._story import Call, Event, Exchange, Story

__all__ = ["challenge_unanswered", "credentials_refused", "stale_nonce", "stale_unanswered"]

_HEADERS = {401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization")}  # fmt: skip
_PARAM = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^",\s]+))')


def _params(event: Event, header: str) -> list[dict[str, str]]:
    return [
        {name.lower(): quoted or plain for name, quoted, plain in _PARAM.findall(value)}
        for value in event.message.headers.get_all(header)
    ]


def _challenged(call: Call) -> Iterator[tuple[Exchange, Event, tuple[str, str]]]:
    for exchange in call.exchanges:
        final = exchange.final
        # What a proxy passes back is told where it arrives.
        if final is not None and final.status in _HEADERS and exchange.is_own:
            yield exchange, final, _HEADERS[final.status]


def credentials_refused(story: Story) -> Iterator[Said]:
    """Credentials were sent, and challenged again."""
    for call in story.calls:
        refused = [
            (exchange, final, names)
            for exchange, final, names in _challenged(call)
            if _is_refusal(call, exchange, final, names)
        ]
        if not refused:
            continue
        exchange, final, names = refused[0]
        request = exchange.request
        reason = _why_refused(call, exchange, final, names)
        again = f", {times(len(refused))}" if len(refused) > 1 else ""
        yield (
            (
                f"{story.sender(final)} refused the credentials of {story.sender(request)}'s "
                f"{request.word}{again}: {reason}"
            ),
            [event for one, answer, _ in refused for event in (one.request, answer)],
        )


def _is_refusal(call: Call, exchange: Exchange, final: Event, names: tuple[str, str]) -> bool:
    """Whether it is about these credentials, and not about those for another realm as well."""
    answers = {one.get("realm") for one in _params(exchange.request, names[1])}
    wanted = {one.get("realm") for one in _params(final, names[0])}
    if not answers or _is_stale(final, names[0]):
        return False
    before = {
        one.get("realm")
        for _, other, headers in _challenged(call)
        if other.time < exchange.request.time and headers == names
        for one in _params(other, names[0])
    }
    if not before:
        # Nobody has seen what they answer.
        return False
    if answers & wanted or not wanted:
        return True
    # Credentials for what somebody else has asked are no fault; to forget these is one.
    return not answers <= before or bool(wanted & before)


def _why_refused(call: Call, exchange: Exchange, final: Event, names: tuple[str, str]) -> str:
    request = exchange.request
    wanted = [one.get("realm") for one in _params(final, names[0])]
    answers = _params(request, names[1])
    mine = [one for one in answers if one.get("realm") in wanted]
    if not mine:
        given = [one.get("realm") for one in answers]
        theirs, asked = (", ".join(dict.fromkeys(map(str, some))) for some in (given, wanted))
        return f"they are for the realm {theirs}, the challenge was for {asked}"
    nonces = {
        one.get("nonce")
        for _, earlier, headers in _challenged(call)
        if earlier.time <= request.time and headers == names
        for one in _params(earlier, names[0])
    }
    for answer in mine:
        if answer.get("nonce") not in nonces:
            return "they are for a nonce that it did not send"
        if answer.get("uri") not in {None, str(request.target)}:
            return f"they are for {answer.get('uri')}, the request is for {request.target}"
    user = mine[0].get("username")
    return f"they answer its own nonce, so the password of {user} is wrong, or the name"


def _is_stale(final: Event, header: str) -> bool:
    return any(one.get("stale", "").lower() == "true" for one in _params(final, header))


def stale_nonce(story: Story) -> Iterator[Said]:
    """The nonce was too old."""
    for call in story.calls:
        for exchange, final, names in _challenged(call):
            if _is_stale(final, names[0]):
                yield (
                    (
                        f"{story.sender(final)} found the nonce of {story.sender(exchange.request)}'s "
                        f"{exchange.request.word} too old and gave a new one: the password was right"
                    ),
                    [exchange.request, final],
                )


def challenge_unanswered(story: Story) -> Iterator[Said]:
    """A challenge, and no second try."""
    for call in story.calls:
        for exchange, final, names in _challenged(call):
            request = exchange.request
            later = [
                one
                for one in call.exchanges
                if one.request.time >= final.time
                and one.method == exchange.method
                and names[1] in one.request.message
            ]
            if names[1] in request.message or later or final.is_lost:
                continue
            realms = ", ".join(str(one.get("realm")) for one in _params(final, names[0]))
            yield (
                (
                    f"{story.sender(final)} asked {story.sender(request)} for credentials for the "
                    f"realm {realms or '(not said)'}, and got none"
                ),
                [request, final],
            )


def stale_unanswered(story: Story) -> Iterator[Said]:
    """A nonce was stale, and the new one was not used."""
    for call in story.calls:
        for exchange, final, names in _challenged(call):
            request = exchange.request
            later = any(
                one.request.time >= final.time and names[1] in one.request.message
                for one in call.exchanges
                if one is not exchange
            )
            if names[1] in request.message and _is_stale(final, names[0]) and not later:
                yield (
                    (
                        f"{story.sender(final)} answered {story.sender(request)}'s {request.word} with "
                        f"a new nonce and stale=true, and it was not sent again with that one"
                    ),
                    [request, final],
                )
