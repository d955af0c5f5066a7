"""The distributor: what becomes of a message before anybody is asked about it.

It runs in the listener's task and never waits.  Faulty messages are answered without state,
copies are absorbed by the transaction layer, and what is new gets a work: that of its dialog,
or one for its Call-ID and From tag, so that what belongs together stays in order.
"""

from __future__ import annotations

import trio

from trio_sip._errors import Overloaded, RemoteProtocolError, TransportFailed
from trio_sip.message import (
    KNOWN_METHODS,
    REQUIRE,
    Fault,
    Request,
    Response,
    check_request,
    check_response,
    create_response,
    parse_message_untrusted,
)
from trio_sip.transaction import Verdict
from trio_sip.transport import Flow

from ._dialogs import DialogEntry
from ._incoming import AnswerState, IncomingRequest
from ._parts import Parts, StackState
from ._security import SecurityEventKind

__all__ = ["Distributor"]

# Without a dialog, these make no sense: answered before anybody is asked who sent them.
_ONLY_IN_DIALOGS = frozenset({"BYE", "PRACK", "UPDATE"})
_NEW = Verdict.NEW


class Distributor:
    """The receiver that the transports hand everything to."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._counters = parts.counters

    # -- from the transports

    def receive_message(self, message: Request | Response, flow: Flow) -> None:
        """Take a message: answer it, absorb it, or give it to a work."""
        try:
            if type(message) is Request:
                self._counters.requests_received += 1
                self._receive_request(message, flow)
            elif type(message) is Response:
                self._counters.responses_received += 1
                self._receive_response(message, flow)
        except Exception as error:
            # A bug of ours, that one message has found.  The listener would end with it, and all
            # that others are doing; so it is treated like a bug in a handler.
            self._parts.pipeline.failed(f"a message from {flow.remote}", error)

    def receive_garbage(self, error: RemoteProtocolError, data: bytes, flow: Flow) -> None:
        """Count what is no message.  On a stream, say once why it is going to be closed."""
        self._counters.garbage += 1
        if not flow.reliable:
            return
        try:
            request = parse_message_untrusted(data)
        except RemoteProtocolError:
            return
        if isinstance(request, Request):
            self._answer_fault(request, Fault(error.status_hint, "Bad framing"), flow)

    def flow_closed(self, flow: Flow, error: Exception | None) -> None:
        """Tell those who wait for something to come by it."""
        failure = error or TransportFailed(f"{flow} was closed")
        self._parts.layer.flow_failed(flow, failure, self._parts.now())
        self._parts.driver.flush()
        for service in self._parts.services.for_closed_flows:
            self._parts.pipeline.call_hook(service.on_flow_closed, flow)

    # -- responses

    def _receive_response(self, response: Response, flow: Flow) -> None:
        # RFC 3261 section 18.1.2; section 8.1.3.3: more than one Via means it went astray.
        try:
            faulty = check_response(response) is not None or len(response.vias) != 1
        except RemoteProtocolError:
            faulty = True
        if faulty:
            self._counters.faulty_responses += 1
            return
        self._parts.layer.receive_response(response, flow, self._parts.now())
        self._parts.driver.flush()

    # -- requests

    def _receive_request(self, request: Request, flow: Flow) -> None:
        fault = check_request(request)
        if fault is not None:
            self._answer_fault(request, fault, flow)
            return
        parts = self._parts
        now = parts.now()
        verdict = parts.layer.receive_request(request, flow, now)
        if verdict is not _NEW:
            self._receive_special(verdict, request, flow, now)
            return
        dialog = parts.dialogs.find(request)
        refusal = self._refusal(request, dialog)
        if refusal is not None:
            if refusal.status == 501:
                parts.events.tell_if_wanted(
                    SecurityEventKind.NOT_SUPPORTED, flow.remote, request.method, "unknown"
                )
            self._answer_fault(request, refusal, flow)
            return
        if dialog is not None:
            work = dialog.work
        elif self._is_overloaded():
            self._refuse_overload(request, flow)
            return
        else:
            work = parts.works.grouped((request.call_id, request.from_.tag))
        transaction = parts.layer.open_server(request, flow, now)
        # In a while a 100 may be due.
        parts.driver.arm()
        incoming = IncomingRequest(parts, request, flow, transaction, dialog)
        transaction.owner = incoming
        parts.pipeline.unanswered += 1
        if dialog is not None and self._may_be_prompt(dialog):
            parts.pipeline.serve_promptly(incoming, dialog)
            return
        try:
            work.push(parts.pipeline.serve, incoming)
        except (Overloaded, trio.ClosedResourceError):
            incoming.respond(503, headers=[("Retry-After", parts.settings.retry_after)])

    def _receive_special(self, verdict: Verdict, request: Request, flow: Flow, now: float) -> None:
        match verdict:
            case Verdict.MERGED:
                # RFC 3261 section 8.2.2.2
                self._answer_fault(request, Fault(482, "Loop Detected"), flow)
            case Verdict.STRAY_CANCEL:
                # RFC 3261 section 9.2
                self._answer_fault(request, Fault(481, "Call/Transaction Does Not Exist"), flow)
            case Verdict.CANCEL:
                self._receive_cancel(request, flow, now)
            case Verdict.STRAY_ACK:
                self.receive_ack(request, flow)
        self._parts.driver.flush()

    def _receive_cancel(self, cancel: Request, flow: Flow, now: float) -> None:
        """RFC 3261 section 9.2: 200 to the CANCEL, 487 to the INVITE if it still waits."""
        layer = self._parts.layer
        self._counters.cancels += 1
        invite = layer.cancelled(cancel)
        incoming = invite.owner if invite is not None else None
        answer = IncomingRequest(self._parts, cancel, flow, layer.open_server(cancel, flow, now))
        if isinstance(incoming, IncomingRequest):
            # "the To tag of the response to the CANCEL and the To tag in the response to the
            # original request SHOULD be the same"
            answer.share_tag(incoming)
        self._parts.pipeline.unanswered += 1
        answer.respond(200)
        if isinstance(incoming, IncomingRequest) and incoming.state is not AnswerState.ANSWERED:
            incoming.cancel(cancel)

    def receive_ack(self, request: Request, flow: Flow) -> None:
        dialog = self._parts.dialogs.find(request)
        if dialog is not None:
            incoming = IncomingRequest(self._parts, request, flow, None, dialog)
            if self._may_be_prompt(dialog):
                self._parts.pipeline.serve_promptly(incoming, dialog)
                return
            try:
                dialog.work.push_unbounded(self._parts.pipeline.serve, incoming)
            except trio.ClosedResourceError:
                # The dialog is going away, and nobody is owed an answer to an ACK.
                self._counters.unanswerable += 1
        else:
            self._counters.stray_acks += 1

    def _may_be_prompt(self, dialog: DialogEntry) -> bool:
        """Whether its usage may see a request now.

        That saves handing it to a runner, which costs as much as answering a BYE does.  Not if
        something that came before still waits, or a service wants to see it first.
        """
        return dialog.prompt and dialog.work.is_idle and self._parts.services.dialogs_are_first

    # -- answers without state

    def _refusal(self, request: Request, dialog: DialogEntry | None) -> Fault | None:
        """What a request is owed before anybody looks at it."""
        method = request.method
        if dialog is None:
            if method not in KNOWN_METHODS and method not in self._parts.services.methods:
                return Fault(501, "Not Implemented")
            if method in _ONLY_IN_DIALOGS or (request.to.tag is not None and method != "REGISTER"):
                return Fault(481, "Call/Transaction Does Not Exist")
        # RFC 3261 section 8.2.2.3 makes no difference between dialogs and the rest.
        if "Require" not in request.headers:
            return None
        try:
            return Fault(420, "Bad Extension") if self._not_understood(request) else None
        except RemoteProtocolError:
            return Fault(400, "Bad Require header")

    def _not_understood(self, request: Request) -> list[str]:
        """The option tags it requires that no service understands."""
        understood = {tag.lower() for tag in self._parts.services.extensions}
        return [tag for tag in request.headers[REQUIRE] if tag.lower() not in understood]

    def _answer_fault(self, request: Request, fault: Fault, flow: Flow) -> None:
        """Answer a request without a transaction: its copies are answered anew."""
        if request.method == "ACK":
            # An ACK is never answered, whatever it looks like.
            self._counters.faulty_requests += 1
            return
        if "Via" not in request.headers:
            self._counters.unanswerable += 1
            return
        self._counters.faulty_requests += 1
        parts = self._parts
        response = create_response(
            request, fault.status, fault.reason, to_tag=parts.tokens.stateless_tag(request)
        )
        if fault.status == 420:
            response.headers.add("Unsupported", ", ".join(self._not_understood(request)))
        elif fault.status in (405, 501):
            response.headers.add("Allow", parts.services.allow)
        elif fault.status == 503:
            response.headers.add("Retry-After", parts.settings.retry_after)
        self._send_statelessly(response, flow)

    def _send_statelessly(self, response: Response, flow: Flow) -> None:
        try:
            self._parts.transport.send_nowait(bytes(response), flow)
        except TransportFailed:
            self._counters.sends_failed += 1

    def _is_overloaded(self) -> bool:
        parts = self._parts
        busy = parts.pipeline.unanswered >= parts.settings.unanswered_limit
        return busy or parts.works.overloaded or parts.state is not StackState.RUNNING

    def _refuse_overload(self, request: Request, flow: Flow) -> None:
        self._parts.events.tell_if_wanted(
            SecurityEventKind.OVERLOAD, flow.remote, request.method, "unknown"
        )
        if flow.reliable or self._parts.settings.refuse_datagrams:
            self._counters.overload_refused += 1
            self._answer_fault(request, Fault(503, "Service Unavailable"), flow)
        else:
            # It will come again; by then there may be room.
            self._counters.overload_dropped += 1
