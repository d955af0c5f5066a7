"""What a peer expects: the part of `SipPeer` that listens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import overload

import trio

from ._failures import MissingMessage, ScriptFailed, UnexpectedMessage
from ._message_pattern import MessagePattern, Wanted
from ._messages import PeerMessage, PeerRequest, PeerResponse
from ._wire import PeerWire

__all__ = ["PeerScript"]


class PeerScript(PeerWire):
    """Expectations, one after the other."""

    patience: float
    """Seconds that `expect` waits unless told otherwise."""

    @overload
    async def expect(
        self,
        what: str,
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> PeerRequest: ...
    @overload
    async def expect(
        self,
        what: int | range | Collection[int],
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> PeerResponse: ...
    @overload
    async def expect(
        self,
        what: MessagePattern,
        /,
        *,
        within: float | None = ...,
        optional: Iterable[Wanted] = ...,
        **fields: object,
    ) -> PeerMessage: ...
    async def expect(
        self,
        what: Wanted,
        /,
        *,
        within: float | None = None,
        optional: Iterable[Wanted] = (),
        **fields: object,
    ) -> PeerMessage:
        """The next message, which must be this one.

        Copies of earlier messages are counted and passed over, and so are a 100, the ACK of a
        refusal, and what belongs to a `PeerCall` or `SentRequest`, unless this asks for it.

        Args:
          what: ``"INVITE"``, ``200``, ``range(200, 300)``, or a `MessagePattern`.
          within: seconds; `patience` if left out.
          optional: what may come before it.
          fields: as for `MessagePattern`: ``expect("INVITE", to__user="bob")``.

        Raises:
          UnexpectedMessage, MissingMessage: these are assertions, and fail the test.
        """
        __tracebackhide__ = True
        return await self.take([MessagePattern(what, **fields)], within=within, optional=optional)

    async def expect_any(self, *what: Wanted, within: float | None = None) -> PeerMessage:
        """The next message, which must be one of these."""
        return await self.take([MessagePattern(one) for one in what], within=within)

    async def expect_all(
        self, *what: Wanted, within: float | None = None, optional: Iterable[Wanted] = ()
    ) -> tuple[PeerMessage, ...]:
        """These messages and no others, in whatever order; they are returned in the order asked."""
        open_ones = dict(enumerate(MessagePattern(one) for one in what))
        found: dict[int, PeerMessage] = {}
        until = trio.current_time() + (self.patience if within is None else within)
        while open_ones:
            numbers = list(open_ones)
            which, message = await self.inbox.take(
                list(open_ones.values()),
                within=max(0.0, until - trio.current_time()),
                optional=_patterns(optional),
            )
            found[numbers[which]] = message
            del open_ones[numbers[which]]
        return tuple(found[number] for number in range(len(what)))

    async def maybe_expect(
        self, what: Wanted, /, *, within: float, **fields: object
    ) -> PeerMessage | None:
        """The message if it is the next one and comes in time, else ``None``; nothing is lost."""
        pattern = MessagePattern(what, **fields)
        with trio.move_on_after(within):
            while True:
                message = self.inbox.first()
                if message is not None:
                    return await self.take([pattern]) if pattern.fits(message.message) else None
                await self.inbox.wait_for_change()
        return None

    async def expect_nothing(self, *what: Wanted, within: float) -> None:
        """Fail when one of these, or without any, anything at all comes within so many seconds."""
        await self.inbox.watch(
            [MessagePattern(one) for one in what] or [MessagePattern()],
            within,
            lambda message: not message.is_incidental,
        )

    def ignore(self, what: Wanted, /, **fields: object) -> None:
        """Drop such messages from now on, as if they had not come."""
        self.inbox.ignored.append(MessagePattern(what, **fields))

    def answer_automatically(self, *methods: str, status: int = 200) -> None:
        """Answer such requests as they come: OPTIONS, INFO, NOTIFY, whatever the script is not about."""
        self.automatic.update(dict.fromkeys(methods, status))

    def lose(self, what: Wanted, /, *, count: int = 1, **fields: object) -> None:
        """Lose the next *count* such messages before they arrive.  `loss` is for the dice."""
        self.losing.extend([MessagePattern(what, **fields)] * count)

    async def take(
        self,
        wanted: Sequence[MessagePattern],
        *,
        within: float | None = None,
        optional: Iterable[Wanted] = (),
        belongs: Callable[[PeerMessage], bool] | None = None,
        call_id: str | None = None,
    ) -> PeerMessage:
        """What all the others are made of."""
        __tracebackhide__ = True
        try:
            _, message = await self.inbox.take(
                wanted,
                within=self.patience if within is None else within,
                optional=_patterns(optional),
                belongs=belongs,
                call_id=call_id,
            )
        except MissingMessage as error:
            error.args = ("\n".join([str(error), *self._copies_of(wanted, belongs)]),)
            raise
        return message

    def _copies_of(
        self,
        wanted: Sequence[MessagePattern],
        belongs: Callable[[PeerMessage], bool] | None,
    ) -> Iterator[str]:
        """A line for what was repeated, as if that were another message."""
        for one in self._seen.values():
            if not one.copies or not any(pattern.fits(one.message) for pattern in wanted):
                continue
            if belongs is None or belongs(one):
                number = "a copy" if len(one.copies) == 1 else f"{len(one.copies)} copies"
                yield (
                    f"{number} of the {one.label} of {one.time:.3f} s came: they are no messages "
                    "of their own, see its `copies`"
                )

    def check_nothing_is_left(self) -> None:
        """Fail if something came that no part of the script has expected.

        The fixtures and `open` call it at the end of a script that went well.
        """
        self.inbox.check()
        left = self.inbox.leftovers()
        if left:
            names = ", ".join(f"{one.label} at {one.time:.3f} s" for one in left)
            lines = [f"nobody expected what {self.name} got: {names}", *_unread_answers(left)]
            error: ScriptFailed = UnexpectedMessage("\n".join(lines))
            error.wire = left[0].wire
            raise error


def _unread_answers(left: Iterable[PeerMessage]) -> Iterator[str]:
    """A line for each final answer to a request of the script."""
    for one in left:
        if isinstance(one, PeerResponse) and one.request is not None and one.status >= 200:
            method = one.request.method
            text = f"the {one.label} answers a {method} of the script, and nobody awaited it"
            if method == "BYE":
                text += ": was `bye` cancelled because the call's block ended with it?"
            yield text


def _patterns(wanted: Iterable[Wanted]) -> list[MessagePattern]:
    several = [wanted] if isinstance(wanted, str | int | MessagePattern) else wanted
    return [MessagePattern(one) for one in several]
