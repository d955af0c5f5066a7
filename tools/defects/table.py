"""The defects: a text in a file of the package, and what stands there instead.

Each comes with the scene of `tools.defects.scenes` in which it shows, and with a word that the
finding of `trio_sip.testing.explain` must have to count as having named the cause.
"""

from __future__ import annotations

import attrs

__all__ = ["DEFECTS", "Defect"]


@attrs.frozen
class Defect:
    """One thing that is wrong in a copy of the stack."""

    name: str
    file: str
    """Below ``trio_sip``."""

    old: str
    """What stands there, once."""

    new: str
    scene: str
    rule: str
    """The rule of `explain` that should see it."""

    word: str
    """What its sentence must have in it."""


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "wrong CSeq in ACK",
        "dialog/_dialog.py",
        "cseq=invite.headers[CSEQ].number,",
        "cseq=invite.headers[CSEQ].number + 1,",
        "calls",
        "ack-number",
        "but the INVITE had",
    ),
    Defect(
        "lost Record-Route in 2xx",
        "message/_build.py",
        'if 100 < status < 300 and "record-route" in first:',
        'if 100 < status < 200 and "record-route" in first:',
        "is called",
        "record-route-lost",
        "does not copy the Record-Route",
    ),
    Defect(
        "2xx not repeated",
        "session/_two_hundred.py",
        "timers={_U.REPEATING: {_O.REPEAT, _O.GIVE_UP}},",
        "timers={_U.REPEATING: {_O.GIVE_UP}},",
        "is not acknowledged",
        "2xx-not-repeated",
        "only once",
    ),
    Defect(
        "swapped tags in BYE",
        "dialog/_dialog.py",
        "from_=self.local,\n            to=self.remote,\n            call_id=self.id.call_id,\n"
        "            cseq=number,",
        "from_=self.local.with_tag(self.id.remote_tag if method == 'BYE' else self.id.local_tag),\n"
        "            to=self.remote.with_tag(self.id.local_tag if method == 'BYE' else "
        "self.id.remote_tag),\n            call_id=self.id.call_id,\n            cseq=number,",
        "calls",
        "wrong-tags",
        "swapped",
    ),
    Defect(
        "no To tag in responses",
        "message/_build.py",
        'lines.append(f"To: {to};tag={to_tag}")',
        'lines.append(f"To: {to}")',
        "is called",
        "to-tag-missing",
        "has no tag",
    ),
    Defect(
        "one branch for all",
        "stack/_hop.py",
        '"branch": parts.tokens.branch()',
        '"branch": "z9hG4bKone"',
        "calls",
        "branch-reused",
        "branch of its own",
    ),
    Defect(
        "wrong Content-Length",
        "message/_message.py",
        'length = f"Content-Length: {len(self._body)}"',
        'length = f"Content-Length: {len(self._body) + (2 if self._body else 0)}"',
        "calls",
        "content-length",
        "the body has",
    ),
    Defect(
        "no 100 after 200 ms",
        "transaction/_tables.py",
        "(TRYING, SILENCE): (PROCEEDING, Do.SEND_100),",
        "(TRYING, SILENCE): (PROCEEDING,),",
        "thinks about a call",
        "no-100",
        "not even a 100",
    ),
    Defect(
        "Timer A does not double",
        "transaction/_timers.py",
        "            return 2 * interval\n",
        "            return interval\n",
        "calls nobody",
        "repeat-interval",
        "twice as long",
    ),
    Defect(
        "no 487 after CANCEL",
        "stack/_distributor.py",
        "            incoming.cancel(cancel)\n",
        "            pass\n",
        "is cancelled",
        "no-487",
        "487",
    ),
    Defect(
        "CANCEL is not answered",
        "stack/_distributor.py",
        "        answer.respond(200)\n        if isinstance(incoming, IncomingRequest) and",
        "        if isinstance(incoming, IncomingRequest) and",
        "is cancelled",
        "never-answered",
        "CANCEL",
    ),
    Defect(
        "route set reversed",
        "dialog/_dialog.py",
        "            route_set=_routes(request),",
        "            route_set=_routes(request)[::-1],",
        "is called",
        "route-order",
        "order",
    ),
    Defect(
        "no Max-Forwards",
        "message/_build.py",
        '            _line("Max-Forwards", max_forwards),\n',
        "",
        "calls",
        "max-forwards",
        "no Max-Forwards",
    ),
    Defect(
        "rport is not heeded",
        "message/_source.py",
        "    _known_sent_by(head)\n",
        "    _, port = _known_sent_by(head)\n",
        "is asked from behind a NAT",
        "answered-elsewhere",
        "rport",
    ),
    Defect(
        "nc is always 1",
        "auth/_outbound.py",
        'nc = f"{self.count:08x}"',
        'nc = "00000001"',
        "registers",
        "nonce-count",
        "nc=00000001",
    ),
    Defect(
        "stale is not heeded",
        "auth/_challenge.py",
        'stale=params.get("stale", "").lower() == "true",',
        "stale=False,",
        "registers",
        "stale-unanswered",
        "stale",
    ),
    Defect(
        "Expires is not heeded",
        "registration/_update.py",
        "text = contact.expires if contact.expires is not None else request.expires",
        "text = contact.expires",
        "is registered at",
        "not-removed",
        "still lists",
    ),
    Defect(
        "no session refresh",
        "session/_refresh.py",
        "OnRefresh.REFRESH: seconds / 2,",
        "OnRefresh.REFRESH: seconds * 2,",
        "keeps a session",
        "session-timer",
        "session timer",
    ),
    Defect(
        "wrong RAck in PRACK",
        "session/_sending.py",
        "RAck(response.headers[RSEQ], cseq.number, cseq.method)",
        "RAck(response.headers[RSEQ] + 1, cseq.number, cseq.method)",
        "hears it ring reliably",
        "wrong-rack",
        "RAck",
    ),
    Defect(
        "SDP version stays",
        "ua/_call_sdp.py",
        "version=origin.version + 1",
        "version=origin.version",
        "calls",
        "sdp-version",
        "version",
    ),
    Defect(
        "CSeq stays",
        "dialog/_dialog.py",
        "self.local_sequence += 1",
        "self.local_sequence += 0",
        "calls",
        "cseq-order",
        "must be higher",
    ),
    Defect(
        "no Contact in 2xx",
        "session/_core.py",
        'pairs = (("Contact", contact), ("Allow", allow), ("Supported", supported))',
        'pairs = (("Allow", allow), ("Supported", supported))',
        "is called",
        "contact-missing",
        "has no Contact",
    ),
    Defect(
        "no ACK for a refusal",
        "transaction/_tables.py",
        "(PROCEEDING, RECV_3XX_6XX): (COMPLETED, ACK, PASS_UP),",
        "(PROCEEDING, RECV_3XX_6XX): (COMPLETED, PASS_UP),",
        "is refused",
        "no-ack-to-failure",
        "ACK",
    ),
)
