"""Dialogs that the far end's NOTIFY begins, and where we say that we are in them."""

from __future__ import annotations

from trio_sip.dialog import Dialog
from trio_sip.stack import IncomingRequest, LocalContact
from trio_sip.testing import MemoryNetwork

from .scene import Application, request, scene


class Usage:
    """Takes everything."""

    async def receive_request(self, request: IncomingRequest) -> None:
        request.respond(200)


class Watcher:
    """Has sent a SUBSCRIBE, and lets NOTIFYs make dialogs of it."""

    def __init__(self, most: int = 9) -> None:
        self.most = most
        self.usage = Usage()
        self.dialogs: list[Dialog] = []

    def begin_dialog(self, dialog: Dialog) -> Usage | None:
        if len(self.dialogs) == self.most:
            return None
        dialog.local_sequence = 5
        self.dialogs.append(dialog)
        return self.usage


def notify(
    cseq: int = 1, *, method: str = "NOTIFY", from_tag: str = "a", to_tag: str = "w"
) -> bytes:
    return request(
        method,
        from_tag=from_tag,
        to_tag=to_tag,
        cseq=cseq,
        branch=f"{from_tag}{cseq}{method}",
        headers=["Contact: <sip:alice@192.0.2.1>", "Event: x", "Subscription-State: active"],
    )


async def test_a_notify_begins_the_dialog_that_is_expected(sip_network: MemoryNetwork) -> None:
    watcher = Watcher(most=2)
    async with scene(sip_network, Application()) as here:
        with here.stack.expecting_dialogs("c1", "w", watcher):
            # RFC 6665 section 4.4.1: each notifier makes one of its own.
            answers = [
                (await here.alice.ask(notify(cseq, from_tag=tag))).status
                for tag, cseq in (("a", 1), ("a", 2), ("a", 2), ("b", 1), ("c", 1))
            ]
            others = [
                (await here.alice.ask(data)).status
                for data in (notify(9, method="INFO", from_tag="d"), notify(9, to_tag="x"))
            ]
        late = (await here.alice.ask(notify(1, from_tag="e"))).status
        again = (await here.alice.ask(notify(3))).status

        assert [200, 200, 200, 200, 481] == answers
        assert ([481, 481], 481, 200) == (others, late, again)
        assert ["a", "b"] == [dialog.id.remote_tag for dialog in watcher.dialogs]
        assert 2 == here.stack.statistics().dialogs
        created = watcher.dialogs[0].create_request("SUBSCRIBE")
        assert (6, "sip:alice@192.0.2.1") == (created.cseq.number, created.target)


async def test_a_notify_without_a_contact_begins_nothing(sip_network: MemoryNetwork) -> None:
    watcher = Watcher()
    async with scene(sip_network, Application()) as here:
        with here.stack.expecting_dialogs("c1", "w", watcher):
            answer = await here.alice.ask(request("NOTIFY", to_tag="w"))

    assert (481, []) == (answer.status, watcher.dialogs)


async def test_an_answer_says_where_we_are_reached_by_who_asked(sip_network: MemoryNetwork) -> None:
    async def where(incoming: IncomingRequest) -> None:
        contact = incoming.local_contact(LocalContact(user="bob"))
        incoming.respond(200, headers=[("Contact", contact)])

    async with scene(sip_network, Application(where)) as here:
        udp = await here.alice.ask(request())
        stream = await here.connect()
        tcp = await stream.ask(request(via="SIP/2.0/TCP 192.0.2.1:5060", call_id="c2", branch="2"))
        stream.close()

    assert "<sip:bob@192.0.2.2:5060>" == udp["Contact"]
    assert "<sip:bob@192.0.2.2:5060;transport=tcp>" == tcp["Contact"]
