"""Authentication: the authenticator's three questions, and the functions of the page."""

from __future__ import annotations

import logging

import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import DigestChallengeData, PlainSecret
from trio_sip.dialog import Dialog
from trio_sip.stack import CheckAuthResult, Endpoint, IncomingRequest, StackSettings
from trio_sip.testing import MemoryNetwork

from .realms import Realm, credentials, with_credentials
from .scene import Application, Knows, invite, request, scene


async def test_there_is_one_authenticator_unless_it_is_to_be_replaced(
    sip_network: MemoryNetwork,
) -> None:
    one, two = Realm(), Realm(realm="two.example")
    async with scene(sip_network, Application()) as here:
        here.stack.register_authenticator(one)
        with pytest.raises(LocalProtocolError, match="replace=True"):
            here.stack.register_authenticator(two)
        assert "Realm" == here.stack.snapshot().authenticator
        here.stack.register_authenticator(two, replace=True)
        answer = await here.alice.ask(request())

        assert 'realm="two.example"' in answer["WWW-Authenticate"]


async def test_the_handle_of_an_authenticator_puts_back_the_one_it_replaced(
    sip_network: MemoryNetwork,
) -> None:
    one, two = Realm(), Realm(realm="two.example")
    async with scene(sip_network, Application()) as here:
        with here.stack.register_authenticator(one):
            with here.stack.register_authenticator(two, replace=True):
                answer = await here.alice.ask(request())
                assert 'realm="two.example"' in answer["WWW-Authenticate"]
            answer = await here.alice.ask(request(branch="2", cseq=2))
            assert 'realm="two.example"' not in answer["WWW-Authenticate"]
            assert 401 == answer.status, "leaving a block never opens the gate"
        assert here.stack.snapshot().authenticator is None


async def test_a_handle_of_another_authenticator_changes_nothing(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        handle = here.stack.register_authenticator(Realm())
        here.stack.register_authenticator(Realm(), replace=True)
        handle.unregister()

        assert "Realm" == here.stack.snapshot().authenticator


async def test_only_the_current_authenticator_can_be_unregistered(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        one = Realm()
        here.stack.register_authenticator(one)
        with pytest.raises(LookupError):
            here.stack.unregister_authenticator(Realm())
        here.stack.unregister_authenticator(one)
        with pytest.raises(LookupError):
            here.stack.unregister_authenticator(one)


async def test_without_an_authenticator_the_known_pass_and_one_warning_says_so(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        for number in range(3):
            data = request(branch=str(number), cseq=number + 1)
            assert [200] == await here.alice.answers(data)

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["no authenticator: requests of known endpoints pass unproved"] == [
        record.message for record in warnings
    ]


async def test_an_authenticator_that_requires_nothing_lets_everybody_known_pass(
    sip_network: MemoryNetwork,
) -> None:
    class OnlyMessages(Realm):
        async def requires_authentication(
            self, endpoint: Endpoint, request: IncomingRequest
        ) -> bool:
            return request.method == "MESSAGE"

    async with scene(sip_network, Application()) as here:
        here.stack.register_authenticator(OnlyMessages())

        assert [200] == await here.alice.answers(request())
        assert [401] == await here.alice.answers(request("MESSAGE", branch="2"))


async def test_the_right_password_passes(sip_network: MemoryNetwork) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(Realm())
        challenge = await here.alice.ask(request())

        assert [200] == await here.alice.answers(with_credentials(request(), challenge))
    assert 1 == len(application.seen)


async def test_a_nonce_that_was_used_before_is_stale_and_not_wrong(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(Realm())
        challenge = await here.alice.ask(request())
        assert [200] == await here.alice.answers(with_credentials(request(), challenge))
        again = await here.alice.ask(with_credentials(request(branch="9", cseq=5), challenge))

        assert 401 == again.status
        assert "stale=true" in again["WWW-Authenticate"]


async def test_a_nonce_that_is_too_old_is_stale(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application(), settings=StackSettings(nonce_lifetime=60)) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(Realm())
        challenge = await here.alice.ask(request())
        await trio.sleep(61)
        right = await here.alice.ask(with_credentials(request(), challenge))
        wrong = await here.alice.ask(
            with_credentials(request(branch="9", cseq=5), challenge, password="wrong")
        )

        assert "stale=true" in right["WWW-Authenticate"]
        assert "stale" not in wrong["WWW-Authenticate"], "a guess is told nothing"


async def test_acks_are_never_asked_about_and_cancels_never_challenged(
    sip_network: MemoryNetwork,
) -> None:
    async def wait(incoming: IncomingRequest) -> None:
        await trio.sleep_forever()

    realm = Realm()
    async with scene(sip_network, Application(wait)) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(realm)
        challenge = await here.alice.ask(invite())
        here.alice.send(request("ACK", to_tag=challenge.to.tag))
        here.alice.send(with_credentials(invite(), challenge))
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL", branch="1x", cseq=2))

        assert [200, 487] == [(await here.alice.response()).status for _ in range(2)]
    assert ["INVITE", "INVITE"] == realm.asked


# -- the functions of the page, for services that ask for themselves


async def answered_by(
    network: MemoryNetwork,
    ask: Application,
    data: bytes,
    *,
    realm: Realm | None = None,
    identified: bool = False,
) -> tuple[int, object]:
    """The status that a service with a question of its own gave, and what it found."""
    async with scene(network, ask) as here:
        if identified:
            here.stack.register_endpoint_identifier(Knows("alice"))
        if realm is not None:
            here.stack.register_authenticator(realm)
        answer = await here.alice.ask(data)
        return answer.status, found.pop()


found: list[object] = []
"""What the services below have found out."""


class Checks(Application):
    """Does before the stage what the stage does."""

    def __init__(self) -> None:
        super().__init__(priority=20)

    async def on_request(self, request: IncomingRequest) -> bool:
        stack = request.stack
        result = await stack.check_authentication(request.endpoint, request)
        found.append(result)
        if result in (CheckAuthResult.SUCCESS, CheckAuthResult.NOT_REQUIRED):
            request.respond(200)
        return True


async def test_check_authentication_challenges_who_has_not_proved_anything(
    sip_network: MemoryNetwork,
) -> None:
    assert (401, CheckAuthResult.CHALLENGE_SENT) == await answered_by(
        sip_network, Checks(), request(), realm=Realm()
    )


async def test_check_authentication_refuses_the_unknown_without_an_authenticator(
    sip_network: MemoryNetwork,
) -> None:
    assert (403, CheckAuthResult.FAILED) == await answered_by(
        sip_network, Checks(), request(from_="sip:zoe@example.com"), identified=True
    )


async def test_check_authentication_requires_nothing_without_an_authenticator(
    sip_network: MemoryNetwork,
) -> None:
    assert (200, CheckAuthResult.NOT_REQUIRED) == await answered_by(
        sip_network, Checks(), request()
    )


async def test_check_authentication_finds_wrong_and_right_credentials(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Checks()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(Realm())
        challenge = await here.alice.ask(request())
        await here.alice.ask(with_credentials(request(), challenge, password="wrong"))
        await here.alice.ask(with_credentials(request(branch="2", cseq=3), challenge))

    assert [
        CheckAuthResult.CHALLENGE_SENT,
        CheckAuthResult.FAILED,
        CheckAuthResult.SUCCESS,
    ] == found
    found.clear()


def test_check_authentication_has_the_four_results_of_the_page() -> None:
    assert ["CHALLENGE_SENT", "SUCCESS", "FAILED", "NOT_REQUIRED"] == [
        result.name for result in CheckAuthResult
    ]


async def test_an_authenticator_that_lets_nobody_pass_unanswered_is_caught(
    monkeypatch: pytest.MonkeyPatch, sip_network: MemoryNetwork
) -> None:
    application = Application()
    async with scene(sip_network, application, strict=False) as here:
        here.stack.register_authenticator(Realm())
        monkeypatch.setattr(
            here.stack._parts.authentication, "challenge", lambda *args, **changes: None
        )

        assert [500] == await here.alice.answers(request())
    assert [] == application.seen


async def test_without_an_authenticator_the_questions_have_answers(
    sip_network: MemoryNetwork,
) -> None:
    async def ask(incoming: IncomingRequest) -> None:
        stack, endpoint = incoming.stack, incoming.endpoint
        assert await stack.requires_authentication(endpoint, incoming) is False
        assert await stack.authenticate_request(endpoint, incoming) is True
        with pytest.raises(LocalProtocolError, match="no authenticator"):
            await stack.get_authentication_credentials(endpoint)
        assert await stack.identify_endpoint(incoming) is None
        incoming.respond(200)

    async with scene(sip_network, Application(ask)) as here:
        assert [200] == await here.alice.answers(request())


async def test_with_an_authenticator_the_questions_go_to_it(sip_network: MemoryNetwork) -> None:
    realm = Realm()

    async def ask(incoming: IncomingRequest) -> None:
        stack, endpoint = incoming.stack, incoming.endpoint
        assert await stack.requires_authentication(endpoint, incoming) is True
        assert await stack.authenticate_request(endpoint, incoming) is False
        (data,) = await stack.get_authentication_credentials(endpoint)
        assert "example.com" == data.realm
        known = await stack.identify_endpoint(incoming)
        assert known is not None
        assert "alice" == known.name
        incoming.respond(200)

    async with scene(sip_network, Application(ask, priority=20)) as here:
        here.stack.register_authenticator(realm)
        here.stack.register_endpoint_identifier(Knows("alice"))

        assert [200] == await here.alice.answers(request())


DATA = DigestChallengeData(realm='the "inner" circle', auth=PlainSecret("alice", "secret"))


async def test_challenge_request_fills_in_what_is_left_out(sip_network: MemoryNetwork) -> None:
    async def challenge(incoming: IncomingRequest) -> None:
        await incoming.stack.challenge_request(incoming, DATA)

    async with scene(sip_network, Application(challenge)) as here:
        answer = await here.alice.ask(request())

        header = answer["WWW-Authenticate"]
        assert 401 == answer.status
        assert answer.to.tag
        assert 'realm="the \\"inner\\" circle"' in header
        assert 'nonce="' in header
        assert 'opaque="' in header
        assert "secret" not in header


async def test_the_challenge_to_an_invite_by_datagram_is_sent_once_and_leaves_nothing(
    sip_network: MemoryNetwork,
) -> None:
    # RFC 3261 section 26.3.2.4: whoever forges a source must not have it answered eleven times.
    async with scene(sip_network, Application()) as here:
        here.stack.register_authenticator(Realm())
        here.stack.register_endpoint_identifier(Knows("alice"))

        assert [401] == await here.alice.answers(invite(), wait=60)
        here.alice.send(invite(branch="2", call_id="c2"))
        await here.alice.response()
        assert 0 == here.stack.statistics().transactions.servers
        assert 0 == here.stack.statistics().unanswered


async def test_a_copy_of_a_challenged_invite_is_challenged_and_credentials_let_the_next_pass(
    sip_network: MemoryNetwork,
) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        here.stack.register_authenticator(Realm())
        here.stack.register_endpoint_identifier(Knows("alice"))
        first = await here.alice.ask(invite())
        second = await here.alice.ask(invite())

        assert [401, 401] == [first.status, second.status]
        assert [200] == await here.alice.answers(with_credentials(invite(), first))
        assert 1 == len(application.seen)


async def test_the_challenge_to_an_invite_on_a_connection_needs_its_ack_as_ever(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        here.stack.register_authenticator(Realm())
        here.stack.register_endpoint_identifier(Knows("alice"))
        stream = await here.connect()
        answer = await stream.ask(invite(via="SIP/2.0/TCP 192.0.2.1:5060"))

        assert 401 == answer.status
        assert 1 == here.stack.statistics().transactions.servers
        stream.close()


async def test_challenge_request_can_challenge_as_a_proxy_does(sip_network: MemoryNetwork) -> None:
    async def challenge(incoming: IncomingRequest) -> None:
        with pytest.raises(LocalProtocolError, match="401 or a 407"):
            await incoming.stack.challenge_request(incoming, DATA, status=403)
        other = DigestChallengeData(realm="b", auth=PlainSecret("alice", "secret"))
        await incoming.stack.challenge_request(incoming, [DATA, other], status=407, stale=True)

    async with scene(sip_network, Application(challenge)) as here:
        answer = await here.alice.ask(request())

        headers = answer.headers.get_all("Proxy-Authenticate")
        assert (407, 2) == (answer.status, len(headers))
        assert all("stale=true" in header for header in headers)


async def test_several_algorithms_are_offered_most_preferred_first(
    sip_network: MemoryNetwork,
) -> None:
    settings = StackSettings(digest_algorithms=("SHA-256", "MD5"))
    async with scene(sip_network, Application(), settings=settings) as here:
        here.stack.register_authenticator(Realm())
        answer = await here.alice.ask(request())

        assert ["SHA-256", "MD5"] == [
            header.partition("algorithm=")[2].partition(",")[0]
            for header in answer.headers.get_all("WWW-Authenticate")
        ]


async def test_an_ack_is_not_challenged(sip_network: MemoryNetwork) -> None:
    class Eager(Application):
        async def receive_request(self, request: IncomingRequest) -> None:
            with pytest.raises(LocalProtocolError, match="ACK cannot be challenged"):
                await request.stack.challenge_request(request, DATA)
            assert not await request.stack.requires_authentication(request.endpoint, request)
            found.append(request.method)

    async def answer(incoming: IncomingRequest) -> None:
        dialog = Dialog.as_uas(incoming.message, incoming.to_tag)
        incoming.stack.add_dialog(dialog, Eager())
        incoming.respond(200)

    async with scene(sip_network, Application(answer)) as here:
        ok = await here.alice.ask(invite())
        here.alice.send(request("ACK", branch="2", to_tag=ok.to.tag))
        await trio.sleep(0.1)

    assert ["ACK"] == found
    found.clear()


def test_secrets_are_never_shown() -> None:
    assert "hunter2" not in repr(credentials(password="hunter2"))
    assert "hunter2" not in repr(Realm("hunter2").data(Endpoint(name="alice")))


async def test_who_had_to_prove_it_still_has_to_when_the_authenticator_goes_meanwhile(
    sip_network: MemoryNetwork,
) -> None:
    class LooksItUp(Realm):
        async def requires_authentication(
            self, endpoint: Endpoint, request: IncomingRequest
        ) -> bool:
            here.stack.unregister_authenticator(self)
            return await super().requires_authentication(endpoint, request)

    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(LooksItUp())

        assert [401] == await here.alice.answers(request())
