"""What a 2xx is owed that nobody wants."""

from __future__ import annotations

from trio_sip.dialog import Dialog
from trio_sip.message import Headers, Request, Response

__all__ = ["create_goodbye"]


def create_goodbye(response: Response) -> tuple[Request, Request]:
    """The ACK and the BYE for a 2xx to an INVITE that no session waits for.

    It is the answer of a phone that was reached too late: the session that sent the INVITE has
    been forgotten.  All that is needed stands in the response.  RFC 3261 section 13.2.2.4.
    Their Via is left to whoever sends them.
    """
    cseq = response.cseq
    headers = Headers()
    for name in ("From", "Call-ID"):
        headers.add(name, response[name])
    headers.add("CSeq", cseq)
    # The Request-URI of the INVITE is not known, and asked for only if they gave no Contact.
    dialog = Dialog.as_uac(Request("INVITE", response.to.uri.without_headers(), headers), response)
    invite = Request("INVITE", str(dialog.remote_target), headers)
    return dialog.create_ack(invite), dialog.create_request("BYE")
