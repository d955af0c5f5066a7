"""What a session says: effects for its driver to perform, and effects to tell the user."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs

from trio_sip.dialog import Dialog
from trio_sip.message import Message, Reason, Request, Response, create_cancel

from ._exchange import Exchange

__all__ = [
    "Acknowledged", "Answered", "Description", "DescriptionRole", "DialogBegun", "Effect",
    "Ended", "ExchangeEnded", "Forget", "How", "ModifyReceived", "PrackReceived", "Progressed",
    "Refreshed", "Rejected", "RepeatResponse", "RequestReceived", "SendAck", "SendCancel",
    "SendRequest", "SendResponse", "SessionInterval", "Side", "Terminated", "UsageEnded",
    "Withdrawn",
]  # fmt: skip


class Side(enum.StrEnum):
    """Who does a thing: it reads ``local`` or ``remote`` where it is printed."""

    LOCAL = "local"
    REMOTE = "remote"


class How(enum.Enum):
    """By what a session ended."""

    BYE = "BYE"
    CANCEL = "CANCEL"
    REJECTED = "rejected"
    """The INVITE got a final response other than 2xx, or none at all."""
    NO_ACK = "no ACK"
    NO_PRACK = "no PRACK"
    EXPIRED = "expired"
    """Nobody refreshed the session in time (RFC 4028 section 10)."""
    FAILED = "failed"
    """A request within it was answered 481 or 408, or not at all."""


class DescriptionRole(enum.Enum):
    """What a session description is."""

    OFFER = "offer"
    ANSWER = "answer"
    PREVIEW = "preview"
    """The answer, seen in a provisional response that is not reliable."""


@attrs.frozen
class Description:
    """A session description that came in a message.  Nobody has looked into it."""

    role: DescriptionRole
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")
    content_type: str = "application/sdp"


@attrs.frozen(kw_only=True)
class SessionInterval:
    """How a session is kept alive.  RFC 4028."""

    seconds: int
    """It ends so long after the last refresh."""

    refresher: Side

    expires_at: float
    """When it would end, on the clock of ``now``."""


# The effects are values.  They are not frozen, because that would triple the cost of making one.


@attrs.define
class SendRequest:
    """Begin a client transaction for *request*, and put a Via on it."""

    request: Request
    dialog: Dialog | None
    """``None`` for the INVITE that begins the session."""


@attrs.define
class SendAck:
    """Send an ACK of a 2xx, without a transaction; repeated, it is the same object."""

    request: Request
    dialog: Dialog


@attrs.define
class SendCancel:
    """Send the CANCEL of *invite* in a transaction of its own.  Nobody waits for its answer."""

    invite: Request
    """As it was sent last."""

    headers: Iterable[tuple[str, object]] = ()
    """What else goes on it: a Reason."""

    def create_request(self) -> Request:
        """The CANCEL; the INVITE must have the Via it went out with."""
        cancel = create_cancel(self.invite)
        for name, value in self.headers:
            cancel.add_header(name, value)
        return cancel


@attrs.define
class SendResponse:
    """Answer *request* by its server transaction."""

    request: Request
    response: Response


@attrs.define
class RepeatResponse:
    """Send a 2xx or a reliable provisional response again, because nobody has heard it."""

    request: Request
    response: Response


@attrs.define
class DialogBegun:
    """There is a dialog, early or confirmed, whose requests the session wants to see."""

    dialog: Dialog


@attrs.define
class UsageEnded:
    """The session has left a dialog, which is over if the session was its last usage."""

    dialog: Dialog


@attrs.define
class Terminated:
    """All goodbyes are said, and answered or given up."""


@attrs.define
class Forget:
    """Nothing can come for the session any more: its last effect."""


@attrs.define
class Progressed:
    """A provisional response to our INVITE came; copies of a reliable one do not show."""

    response: Response
    dialog: Dialog | None
    """The early dialog it belongs to: one for each phone that rings."""

    description: Description | None
    prack_owed: bool
    """The user has to send the PRACK: it carries the answer, or settings say so."""

    exchange: Exchange | None = None
    """The re-INVITE that it answers; ``None`` for the first INVITE."""


@attrs.define
class Answered:
    """The first 2xx to our INVITE came.  If it has an offer, `send_ack` is owed."""

    response: Response
    dialog: Dialog
    description: Description | None


@attrs.define
class Acknowledged:
    """The ACK of our 2xx came, with the answer if the 2xx had the offer."""

    request: Request
    description: Description | None


@attrs.define
class Rejected:
    """The INVITE was refused, or never answered: 408 for a timeout, 503 for a transport error."""

    status: int
    response: Response | None


@attrs.define
class PrackReceived:
    """A reliable provisional response was heard.  An offer in the PRACK is to be answered."""

    request: Request
    description: Description | None


@attrs.define
class ModifyReceived:
    """A re-INVITE, or an UPDATE with an offer, that the user has to answer."""

    request: Request
    description: Description | None


@attrs.define
class Withdrawn:
    """A request that waited for the user was answered 487: a CANCEL or the end came first."""

    request: Request


@attrs.define
class RequestReceived:
    """A request that is the user's: INFO, MESSAGE, OPTIONS, NOTIFY, REFER, or any other."""

    request: Request


@attrs.define
class ExchangeEnded:
    """A request of the user's was answered finally, or never will be (*status* ``None``)."""

    exchange: Exchange
    status: int | None
    response: Response | None = None
    description: Description | None = None


@attrs.define
class Refreshed:
    """The session timer was agreed upon, or is off (``None``)."""

    interval: SessionInterval | None


@attrs.define
class Ended:
    """The session is over for the user.  Said once."""

    by: Side
    how: How
    status: int | None = None
    """The status that ended it, if one did."""

    reasons: tuple[Reason, ...] = ()
    """What the other end gave as Reason (RFC 3326)."""

    message: Message | None = attrs.field(default=None, repr=False)
    """What ended it, if it came from the other end."""


Effect = (
    SendRequest | SendAck | SendCancel | SendResponse | RepeatResponse | DialogBegun | UsageEnded
    | Terminated | Forget | Progressed | Answered | Acknowledged | Rejected | PrackReceived
    | ModifyReceived | Withdrawn | RequestReceived | ExchangeEnded | Refreshed | Ended
)  # fmt: skip
