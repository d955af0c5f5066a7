"""What RFC 3261 section 10 demands of a registrar.  What takes no REGISTER is not tested."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from trio_sip.message import CONTACT, NameAddr, Response, Uri
from trio_sip.testing import PeerResponse

from ._target import Target


class Client:
    """Somebody who registers at the target, by hand."""

    def __init__(self, target: Target) -> None:
        self.target = target
        name = "alice" if target.credentials is None else target.credentials.secrets[0].username
        self.address: NameAddr = NameAddr(f"sip:{name}@{target.uri.host}")
        self.call_id: str = target.peer.token()
        self.number: int = 0

    async def register(
        self,
        contact: str | None,
        *,
        expires: int | None = 600,
        number: int | None = None,
        tests_only: bool = False,
    ) -> PeerResponse:
        """One REGISTER: its final response."""
        target = self.target
        self.number = self.number + 1 if number is None else number
        headers = [] if expires is None else [("Expires", expires)]
        request = target.create(
            "REGISTER",
            Uri.parse(f"sip:{target.uri.address}"),
            from_=self.address,
            to=self.address,
            call_id=self.call_id,
            cseq=self.number,
            headers=headers,
        )
        request.headers.remove("Contact")
        if contact is not None:
            request.headers.add("Contact", contact)
        sent = await target.send(request)
        response = await target.maybe_final(sent)
        self.number = sent.request.cseq.number
        if response is None:
            pytest.skip("REGISTER is not answered")
        if not tests_only and response.status != 200:
            pytest.skip(f"it does not let us register: {response.status}")
        return response

    def bound(self, response: Response) -> Mapping[str, int | None]:
        """The users of the contacts that a 200 lists, and for how long."""
        found = {}
        for one in response.headers[CONTACT]:
            if isinstance(one, NameAddr):
                text = one.params.get("expires")
                found[one.uri.user or ""] = int(text) if text and text.isdigit() else None
        return found


def contact(target: Target, user: str) -> str:
    """A Contact of the peer's."""
    return f"<sip:{user}@{target.peer.address}>"


async def test_a_registration_is_listed_with_its_time(target: Target) -> None:
    """RFC 3261 section 10.3 step 8: the 200 lists each binding, each with expires."""
    client = Client(target)
    response = await client.register(contact(target, "one"))
    bound = client.bound(response.message)
    await client.register(contact(target, "one"), expires=0)

    assert "one" in bound
    assert bound["one"] is not None
    assert 0 < bound["one"]


async def test_the_time_is_the_one_that_was_asked_for_or_less(target: Target) -> None:
    """RFC 3261 section 10.3 step 7: a registrar may shorten the interval, or answer 423."""
    client = Client(target)
    await client.register(contact(target, "one"))
    response = await client.register(contact(target, "one"), expires=300, tests_only=True)
    bound = client.bound(response.message) if response.status == 200 else {}
    await client.register(contact(target, "one"), expires=0)

    assert response.status in (200, 423)
    if response.status == 200:
        assert 0 < (bound["one"] or 0) <= 300


async def test_a_registration_for_0_seconds_is_removed(target: Target) -> None:
    """RFC 3261 section 10.2.2: Expires 0 removes a binding."""
    client = Client(target)
    await client.register(contact(target, "one"))
    response = await client.register(contact(target, "one"), expires=0)

    assert "one" not in client.bound(response.message)


async def test_a_question_changes_nothing(target: Target) -> None:
    """RFC 3261 section 10.2.3: a REGISTER without Contact gets the bindings."""
    client = Client(target)
    await client.register(contact(target, "one"))
    response = await client.register(None, expires=None)
    await client.register(contact(target, "one"), expires=0)

    assert "one" in client.bound(response.message)


async def test_an_old_number_changes_nothing(target: Target) -> None:
    """RFC 3261 section 10.3 step 7: a lower CSeq with the same Call-ID is not carried out."""
    client = Client(target)
    await client.register(contact(target, "one"))
    await client.register(contact(target, "one"))
    last = client.number
    await client.register(contact(target, "one"), expires=0, number=1, tests_only=True)
    client.number = max(client.number, last)
    response = await client.register(None, expires=None)
    await client.register(contact(target, "one"), expires=0)

    if target.credentials is not None:
        pytest.skip("each challenge makes the number higher")
    assert "one" in client.bound(response.message)


async def test_a_star_with_a_time_is_refused(target: Target) -> None:
    """RFC 3261 section 10.3 step 6: "*" wants Expires 0 and nothing beside it; otherwise 400."""
    client = Client(target)
    await client.register(contact(target, "one"))
    response = await client.register("*", expires=600, tests_only=True)
    await client.register(contact(target, "one"), expires=0)

    assert response.status >= 400


async def test_a_star_removes_everything(target: Target) -> None:
    """RFC 3261 section 10.2.2: "*" with Expires 0 removes all bindings."""
    client = Client(target)
    await client.register(contact(target, "one"))
    await client.register(contact(target, "two"))
    await client.register("*", expires=0)
    response = await client.register(None, expires=None)

    assert {} == client.bound(response.message)


async def test_a_registration_runs_out(target: Target) -> None:
    """RFC 3261 section 10.3: a binding is removed when its time is over."""
    target.needs_time(65)
    if not target.is_virtual:
        pytest.skip("takes longer than a test may in reality")
    client = Client(target)
    response = await client.register(contact(target, "one"), expires=60)
    granted = client.bound(response.message).get("one") or 60
    await target.settle(granted + 1)
    response = await client.register(None, expires=None)

    assert "one" not in client.bound(response.message)
