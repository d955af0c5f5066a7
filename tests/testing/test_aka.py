from __future__ import annotations

import base64
import itertools
import re
import sys
from collections.abc import Callable
from typing import ClassVar

import attrs
import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import AuthOutcome, OutboundCredential, PlainSecret
from trio_sip.testing import (
    AkaSecret,
    MemoryNetwork,
    ScenarioResult,
    ScriptFailed,
    SipPeer,
    ladder,
    load_sipp_scenario,
    run_sipp_scenario,
)
from trio_sip.testing.peer._aka import AkaMacFailure, answered, asked, resynchronised
from trio_sip.testing.peer._milenage import Milenage
from trio_sip.transport import Address

pytest.importorskip("cryptography")

Make = Callable[..., SipPeer]
K, OP = "465b5ce8b199b49faa5f0a2ee238a6bc", "cdc202d5123e20f62b6d676ac72cb318"
SECRET = AkaSecret(username="alice", k=K, op=OP)


@attrs.frozen
class Published:
    """A test set of 3GPP TS 35.207, section 4 and 5, with the numbers that it has there."""

    names: ClassVar[str] = "k rand sqn amf op opc mac_a mac_s res ck ak ik resync_ak"
    values: dict[str, bytes]

    @classmethod
    def of(cls, text: str) -> Published:
        return cls(dict(zip(cls.names.split(), map(bytes.fromhex, text.split()), strict=True)))

    def __getattr__(self, name: str) -> bytes:
        return self.values[name]


SETS = [
    Published.of(text)
    for text in (
        (
            "465b5ce8b199b49faa5f0a2ee238a6bc 23553cbe9637a89d218ae64dae47bf35 ff9bb4d0b607 b9b9"
            " cdc202d5123e20f62b6d676ac72cb318 cd63cb71954a9f4e48a5994e37a02baf"
            " 4a9ffac354dfafb3 01cfaf9ec4e871e9 a54211d5e3ba50bf b40ba9a3c58b2a05bbf0d987b21bf8cb"
            " aa689c648370 f769bcd751044604127672711c6d3441 451e8beca43b"
        ),
        (
            "0396eb317b6d1c36f19c1c84cd6ffd16 c00d603103dcee52c4478119494202e8 fd8eef40df7d af17"
            " ff53bade17df5d4e793073ce9d7579fa 53c15671c60a4b731c55b4a441c0bde2"
            " 5df5b31807e258b0 a8c016e51ef4a343 d3a628ed988620f0 58c433ff7a7082acd424220f2b67c556"
            " c47783995f72 21a8c1f929702adb3e738488b9f5c5da 30f1197061c1"
        ),
        (
            "fec86ba6eb707ed08905757b1bb44b8f 9f7c8d021accf4db213ccff0c7f71a6a 9d0277595ffc 725c"
            " dbc59adcb6f9a0ef735477b7fadf8374 1006020f0a478bf6b699f15c062e42b3"
            " 9cabc3e99baf7281 95814ba2b3044324 8011c48c0c214ed2 5dbdbb2954e8f3cde665b046179a5098"
            " 33484dc2136b 59a92d3b476a0443487055cf88b2307b deacdd848cc6"
        ),
        (
            "9e5944aea94b81165c82fbf9f32db751 ce83dbc54ac0274a157c17f80d017bd6 0b604a81eca8 9e09"
            " 223014c5806694c007ca1eeef57f004f a64a507ae1a2a98bb88eb4210135dc87"
            " 74a58220cba84c49 ac2cc74a96871837 f365cd683cd92e96 e203edb3971574f5a94b0d61b816345d"
            " f0b9c08ad02e 0c4524adeac041c4dd830d20854fc46b 6085a86c6f63"
        ),
        (
            "4ab1deb05ca6ceb051fc98e77d026a84 74b0cd6031a1c8339b2b6ce2b8c4a186 e880a1b580b6 9f07"
            " 2d16c5cd1fdf6b22383584e3bef2a8d8 dcf07cbd51855290b92a07a9891e523e"
            " 49e785dd12626ef2 9e85790336bb3fa2 5860fc1bce351e7e 7657766b373d1c2138f307e3de9242f9"
            " 31e11a609118 1c42e960d89b8fa99f2744e0708ccb53 fe2555e54aa9"
        ),
    )
]


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.k.hex()[:8])
def test_the_functions_are_those_of_the_published_test_sets(one: Published) -> None:
    functions = Milenage(one.k, op=one.op)
    vector = functions.vector(one.rand)

    assert one.opc == functions.opc
    assert (one.mac_a, one.mac_s) == functions.codes(one.rand, one.sqn, one.amf)
    assert (one.res, one.ck, one.ik) == (vector.res, vector.ck, vector.ik)
    assert (one.ak, one.resync_ak) == (vector.ak, vector.resync_ak)


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.k.hex()[:8])
def test_a_challenge_is_rand_and_autn_and_its_answer_is_res(one: Published) -> None:
    secret = AkaSecret(username="a", k=one.k, opc=one.opc, amf=one.amf)
    number = int.from_bytes(one.sqn, "big")
    nonce, password = asked(secret, number, one.rand)
    hidden = bytes(a ^ b for a, b in zip(one.sqn, one.ak, strict=True))

    assert one.rand + hidden + one.amf + one.mac_a == base64.b64decode(nonce)
    assert one.res == password.encode("utf-8", "surrogateescape")
    assert password == answered(secret, number - 1, nonce).password


def test_a_number_that_was_used_is_answered_with_the_one_to_begin_with() -> None:
    nonce, _ = asked(SECRET, 7, bytes(16))
    answer = answered(SECRET, 7, nonce)

    assert ("", 7) == (answer.password, answer.sqn)
    assert answer.auts is not None
    assert 14 == len(base64.b64decode(answer.auts))
    assert 7 == resynchronised(SECRET, nonce, answer.auts)
    assert resynchronised(attrs.evolve(SECRET, k=bytes(16)), nonce, answer.auts) is None
    assert resynchronised(SECRET, nonce, "bm9uZQ==") is None


def test_a_challenge_of_somebody_else_is_not_answered() -> None:
    nonce, _ = asked(attrs.evolve(SECRET, k=bytes(16)), 7, bytes(16))

    with pytest.raises(AkaMacFailure, match="does not know the key"):
        answered(SECRET, 0, nonce)
    for text in ("", "bm9uZQ==", "no base64", "ü"):
        with pytest.raises(AkaMacFailure, match="does not hold RAND and AUTN"):
            answered(SECRET, 0, text)


def test_a_nonce_may_have_data_of_the_server_behind() -> None:
    nonce, password = asked(SECRET, 7, bytes(16))
    longer = base64.b64encode(base64.b64decode(nonce) + b"more").decode()

    assert password == answered(SECRET, 0, longer).password


@pytest.mark.parametrize(
    "fields",
    [
        {"k": K},
        {"k": K, "op": OP, "opc": OP},
        {"k": K[:-2], "op": OP},
        {"k": K, "op": "x"},
        {"k": K, "op": OP, "amf": b"1"},
        {"k": K, "op": OP, "sqn": 2**48},
    ],
)
def test_a_secret_that_cannot_be_is_refused_without_being_told(fields: dict[str, str]) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        AkaSecret(username="alice", **fields)  # type: ignore[arg-type]  # that is the point

    assert K[:-2] not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    secret = AkaSecret(username="alice", k=K, opc=OP)

    assert "AkaSecret(username='alice', amf=b'\\x80\\x00', sqn=0)" == repr(secret)


def test_who_has_not_the_extra_is_told_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)

    with pytest.raises(LocalProtocolError, match=re.escape("pip install 'trio-sip[aka]'")):
        Milenage(bytes(16), op=bytes(16))


# -- peers


@pytest.mark.sip(seeds=30, loss=0.3)
async def test_a_subscriber_registers(make_sip_peer: Make) -> None:
    phone, network = make_sip_peer("phone"), make_sip_peer("network")
    outcomes = []

    async def register() -> None:
        for _ in range(2):
            sent = await phone.request("REGISTER", network.uri, credentials=SECRET)
            assert 200 == (await sent.final()).status

    async with trio.open_nursery() as nursery:
        nursery.start_soon(register)
        for _ in range(2):
            request = await network.expect("REGISTER", authorization=None)
            outcomes.append(request.check_credentials("ims.example", SECRET))
            await request.challenge("ims.example", SECRET)
            again = await network.expect(
                "REGISTER", authorization=re.compile("algorithm=AKAv1-MD5,")
            )
            outcomes.append(again.check_credentials("ims.example", SECRET))
            await again.respond(200)

    assert 2 * [AuthOutcome.NO_CREDENTIALS, AuthOutcome.OK] == outcomes


async def test_an_old_number_is_put_right_on_the_way(make_sip_peer: Make) -> None:
    phone, network = make_sip_peer("phone"), make_sip_peer("network")
    outcomes = []

    async def register() -> None:
        ahead = attrs.evolve(SECRET, sqn=1000)
        sent = await phone.request("INVITE", network.uri, credentials=ahead)
        answer = await sent.final()
        assert 486 == answer.status

    async with trio.open_nursery() as nursery:
        nursery.start_soon(register)
        for fields in ({}, {"auts": True}, {"auts": False}):
            invite = await network.expect("INVITE")
            assert fields.get("auts", False) == (
                "auts=" in invite.message.headers.get("Proxy-Authorization", "")
            )
            outcomes.append(invite.check_credentials("ims.example", SECRET))
            if outcomes[-1] is AuthOutcome.OK:
                await invite.respond(486)
            else:
                await invite.challenge("ims.example", SECRET, status=407)
            await network.expect("ACK")

    assert [AuthOutcome.NO_CREDENTIALS, AuthOutcome.STALE, AuthOutcome.OK] == outcomes


async def test_a_request_fails_when_the_network_does_not_prove_itself(make_sip_peer: Make) -> None:
    phone, network = make_sip_peer("phone"), make_sip_peer("network")
    sent = await phone.request("REGISTER", network.uri, credentials=SECRET)
    false = attrs.evolve(SECRET, k=bytes(16))
    await (await network.expect("REGISTER")).challenge("ims.example", false)

    with pytest.raises(ScriptFailed, match=r"'ims\.example' is not to be answered: the MAC"):
        await sent.final()


async def test_who_has_another_key_than_the_challenge_is_refused(make_sip_peer: Make) -> None:
    phone, network = make_sip_peer("phone"), make_sip_peer("network")
    other = attrs.evolve(SECRET, username="bob")
    outcomes, answers = [], []

    async def register() -> None:
        sent = await phone.request("REGISTER", network.uri, credentials=SECRET)
        answers.append((await sent.final()).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(register)
        await (await network.expect("REGISTER")).challenge("ims.example", SECRET)
        again = await network.expect("REGISTER")
        outcomes.append(again.check_credentials("ims.example", other))
        # Asked again, it has nothing new to say.
        await again.challenge("ims.example", SECRET)

    assert [AuthOutcome.UNKNOWN_USER] == outcomes
    assert [401] == answers


async def test_a_password_and_a_card_answer_each_its_challenge(make_sip_peer: Make) -> None:
    phone, network = make_sip_peer("phone"), make_sip_peer("network")
    plain = PlainSecret("alice", "wonderland")
    known: list[AkaSecret | OutboundCredential] = [
        SECRET,
        OutboundCredential(plain, realm="example.com"),
    ]
    sent = await phone.request("MESSAGE", network.uri, credentials=known)

    async def ask() -> None:
        await (await network.expect("MESSAGE")).challenge("example.com", plain)
        asked_again = await network.expect("MESSAGE", authorization=re.compile("example.com"))
        assert AuthOutcome.OK is asked_again.check_credentials("example.com", plain)
        assert AuthOutcome.UNSUPPORTED_ALGORITHM is asked_again.check_credentials(
            "example.com", SECRET
        )
        await asked_again.challenge("ims.example", SECRET, status=407)
        last = await network.expect("MESSAGE", proxy_authorization=re.compile("ims.example"))
        await last.respond(200)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        assert 200 == (await sent.final()).status

    drawn = ladder(phone.wires) + str(phone.wires)
    assert [] == [one for one in (K, OP, repr(SECRET.k), repr(SECRET.op)) if one in drawn]


# -- scenarios

REGISTER = """REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@[remote_ip]>;tag=[call_number]
To: <sip:alice@[remote_ip]>
Call-ID: [call_id]
CSeq: {} REGISTER
Max-Forwards: 70
{}Content-Length: 0

"""
ANSWERED = (
    f"[authentication username=alice password=wonderland aka_K=0x{K} aka_OP=0x{OP}"
    " aka_AMF=0x8000]\n"
)
SCENARIO = f"""<scenario>
<send><![CDATA[{REGISTER.format(1, "")}]]></send><recv response="401" auth="true"/>
<send><![CDATA[{REGISTER.format(2, ANSWERED)}]]></send><recv response="401" auth="true"/>
<send><![CDATA[{REGISTER.format(3, ANSWERED)}]]></send><recv response="200"/>
</scenario>"""


async def test_a_card_in_a_scenario_counts_and_has_a_password_for_who_asks_for_it(
    sip_network: MemoryNetwork, make_sip_peer: Make
) -> None:
    network, phone = make_sip_peer("network"), sip_network.host("phone")
    results: list[ScenarioResult] = []
    secrets: list[AkaSecret | PlainSecret] = [SECRET, PlainSecret("alice", "wonderland")]

    async def play() -> None:
        results.append(
            await run_sipp_scenario(
                load_sipp_scenario(SCENARIO),
                network.address,
                network=phone,
                local=Address(phone.addresses[0], 5060),
            )
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await (await network.expect("REGISTER")).challenge("x", SECRET)
        for secret, following in itertools.pairwise([*secrets, None]):
            request = await network.expect("REGISTER")
            assert secret is not None
            assert AuthOutcome.OK is request.check_credentials("x", secret)
            if following is None:
                await request.respond(200)
            else:
                await request.challenge("x", following)

    assert [[]] == [one.failures for one in results]
