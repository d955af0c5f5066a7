"""The configuration file, and where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trio_sip.auth import Algorithm, HashedSecret, PlainSecret
from trio_sip.cli._config import ServeConfig, parse_algorithm, parse_domain
from trio_sip.cli._config_file import read_config
from trio_sip.cli._errors import UsageError
from trio_sip.cli._serve import _merge
from trio_sip.transport import Address, Listen

HA1 = "0123456789abcdef" * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.toml"


def test_everything_can_be_said_in_the_file(path: Path) -> None:
    path.write_text(
        f"""
        listen = ["udp://192.0.2.1:5060", "tcp://[::1]"]
        domains = ["Example.com", "192.0.2.1"]
        digest = ["sha-256", "MD5"]
        database = "bindings.db"
        http = "[::1]:9100"
        realm = "here"
        [users]
        alice = "wonderland"
        "bob@example.com" = {{ha1 = "{HA1}", algorithm = "MD5"}}
        carol = {{ha1 = "{HA1}"}}
        """
    )

    assert ServeConfig(
        listen=(Listen("udp", "192.0.2.1", 5060), Listen("tcp", "::1", 5060)),
        domains=("example.com", "192.0.2.1"),
        digest=(Algorithm.SHA_256, Algorithm.MD5),
        database="bindings.db",
        http=Address("::1", 9100),
        realm="here",
        users={
            "alice": PlainSecret("alice", "wonderland"),
            "bob@example.com": HashedSecret("bob@example.com", Algorithm.MD5, HA1),
            "carol": HashedSecret("carol", Algorithm.MD5, HA1),
        },
    ) == read_config(str(path))


def test_an_empty_file_is_the_default(path: Path) -> None:
    path.write_text("")

    config = read_config(str(path))
    assert ServeConfig() == config
    assert ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"] == [str(one) for one in config.listen]
    assert (Algorithm.MD5,) == config.digest


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lisen = []", "$: no such key: lisen"),
        ('listen = "udp://0.0.0.0"', "$.listen: expected a list, not text"),
        ("listen = []", "$.listen: nothing in it: leave it out for the default"),
        ("listen = [5060]", "$.listen[0]: expected text, not 5060"),
        (
            'listen = ["udp://[::1]", "http://x"]',
            "$.listen[1]: cannot listen on 'http://x': want udp://HOST:PORT, tcp://…, tls://…, ws://… or wss://…",
        ),
        ('domains = ["a b"]', "$.domains[0]: not a domain: 'a b'"),
        (
            'digest = ["crc32"]',
            "$.digest[0]: no such digest algorithm: 'crc32'; there are MD5, SHA-256, SHA-512-256",
        ),
        ("database = 3", "$.database: expected text, not 3"),
        ("realm = []", "$.realm: expected text, not a list"),
        (r'realm = "a\r\nb"', r"$.realm: want text without control characters, not 'a\r\nb'"),
        ('realm = ""', "$.realm: want text without control characters, not ''"),
        ('database = ""', "$.database: want the name of a file, not ''"),
        (r'database = "a\u0000"', r"$.database: want the name of a file, not 'a\x00'"),
        ("places = {}", "$: no such key: places"),
        (
            '[users]\n"a @ b" = 1',
            '$.users.a @ b: expected "password" or {ha1 = "…", algorithm = "…"}',
        ),
        ("users = 3", "$.users: expected a table, not 3"),
        (
            "[users]\nalice = 12345",
            '$.users.alice: expected "password" or {ha1 = "…", algorithm = "…"}',
        ),
        ('[users]\n"" = "x"', "$.users.: a user needs a name"),
        (
            '[users]\nalice = {ha1 = "12"}',
            "$.users.alice: HA1 of MD5 is 32 hexadecimal digits",
        ),
        ("[users]\nalice = {}", "$.users.alice.ha1: missing"),
        (f'[users]\na = {{ha1 = "{HA1}", x = 1}}', "$.users.a: no such key: x"),
        (
            "listen = [1]\ndatabase = 2\n",
            "$.listen[0]: expected text, not 1 (and 1 more)",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: Path, text: str, line: str) -> None:
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(str(path))

    assert f"{path}: {line}" == str(caught.value)


def test_what_is_no_toml_is_named_with_its_line(path: Path) -> None:
    path.write_text("a = \n")
    with pytest.raises(UsageError, match=r"not TOML: .*line 1"):
        read_config(str(path))
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(UsageError, match="not TOML: "):
        read_config(str(path))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"^/nowhere/x\.toml: No such file or directory$"):
        read_config("/nowhere/x.toml")


def merge(config: ServeConfig, **changes: tuple[str, ...]) -> ServeConfig:
    nothing: dict[str, tuple[str, ...]] = dict.fromkeys(("listen", "domain", "user", "digest"), ())
    return _merge(config, **{**nothing, **changes}, database=None, http=None, tls=None)


def test_the_command_line_wins_over_the_file() -> None:
    config = ServeConfig(
        domains=("a",), database="kept", users={"alice": PlainSecret("alice", "1")}
    )

    assert ServeConfig(
        listen=(Listen("udp", "127.0.0.1", 0),),
        domains=("a", "b"),
        digest=(Algorithm.SHA_256, Algorithm.MD5),
        database="kept",
        users={"alice": PlainSecret("alice", "2:3"), "bob": PlainSecret("bob", "3")},
    ) == merge(
        config,
        listen=("udp://127.0.0.1:0",),
        domain=("B",),
        user=("alice:2:3", "bob:3"),
        digest=("SHA-256", "md5", "sha-256"),
    )


@pytest.mark.parametrize("text", ["secret", ":secret"])
def test_a_bad_user_is_named_by_its_place_and_never_shown(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--user number 2: want NAME:PASSWORD$"):
        merge(ServeConfig(), user=("alice:x", text))


def test_a_hash_that_can_answer_nothing_that_is_offered_is_refused_at_the_start() -> None:
    users = {"bob": HashedSecret("bob", Algorithm.MD5, HA1)}
    with pytest.raises(UsageError, match=r"^users\.bob: its hash answers none .*: SHA-256$"):
        merge(ServeConfig(users=users), digest=("SHA-256",))


def test_the_realm_is_that_of_the_first_domain() -> None:
    assert "trio-sip" == ServeConfig().effective_realm
    assert "a" == ServeConfig(domains=("a", "b")).effective_realm
    assert "r" == ServeConfig(domains=("a", "b"), realm="r").effective_realm


def test_passwords_are_in_no_repr() -> None:
    config = ServeConfig(users={"alice": PlainSecret("alice", "wonderland")})

    assert "wonderland" not in repr(config)
    assert "alice" in repr(config)


@pytest.mark.parametrize("text", ["", "a b", "a:5060", "alice@a", "a;b"])
def test_a_domain_is_a_host_and_nothing_else(text: str) -> None:
    with pytest.raises(UsageError, match="not a domain"):
        parse_domain(text)


@pytest.mark.parametrize("text", ["", "MD4", "MD5-sess"])
def test_a_digest_is_one_of_three(text: str) -> None:
    with pytest.raises(UsageError, match="there are MD5, SHA-256, SHA-512-256"):
        parse_algorithm(text)


@pytest.mark.parametrize(
    ("domains", "names", "complaint"),
    [
        ((), ("alice", "alice@a.example"), "users.alice: is alice@a.example, too"),
        (("a.example",), ("bob@b.example",), "no domain 'b.example' here"),
        ((), ("bob@B.example",), "users.bob@B.example: want its domain in lower case"),
    ],
)
def test_a_user_who_could_not_come_or_be_told_from_another_is_refused(
    domains: tuple[str, ...], names: tuple[str, ...], complaint: str
) -> None:
    config = ServeConfig(domains=domains, users={name: PlainSecret(name, "x") for name in names})

    with pytest.raises(UsageError, match=complaint):
        config.check()


def test_one_name_may_be_of_two_domains() -> None:
    names = ("alice@a.example", "alice@b.example", "bob")
    ServeConfig(
        domains=("a.example", "b.example"),
        users={name: PlainSecret(name, "x") for name in names},
    ).check()


def test_nobody_has_an_empty_password(path: Path) -> None:
    path.write_text('[users]\nalice = ""\n')
    with pytest.raises(
        UsageError, match=r"server\.toml: \$\.users\.alice: want a password that is not empty$"
    ):
        merge(read_config(str(path)))
    with pytest.raises(UsageError, match=r"^--user alice: want a password that is not empty$"):
        merge(ServeConfig(), user=("alice:",))


NAMES = ["a b", "a\r\nb", "alice@", "@example.com", "al\x1bice"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_nobody_can_have_is_refused_with_its_place(path: Path, name: str) -> None:
    path.write_text(f'[users]\n{json.dumps(name)} = "wonderland"\n')
    with pytest.raises(UsageError) as caught:
        merge(read_config(str(path)))

    assert f"{path}: $.users.{name}: not a user name: {name!r}" == str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_nor_can_the_command_line_give_it(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        merge(ServeConfig(), user=(f"{name}:wonderland",))

    assert str(caught.value).endswith(f": not a user name: {name!r}")


@pytest.mark.parametrize("password", ["wonder\nland", "wonder\0land", "wonder\x7fland"])
def test_a_password_nobody_can_type_is_refused_and_not_shown(path: Path, password: str) -> None:
    path.write_text(f"[users]\nalice = {json.dumps(password)}\n")
    for place, config, user in (
        (f"{path}: $.users.alice", read_config(str(path)), ()),
        ("--user number 1", ServeConfig(), (f"alice:{password}",)),
    ):
        with pytest.raises(UsageError) as caught:
            merge(config, user=user)

        assert f"{place}: want a password without control characters, in UTF-8" == str(caught.value)


def test_an_argument_that_is_no_utf_8_is_no_password() -> None:
    with pytest.raises(UsageError, match=r"in UTF-8$"):
        merge(ServeConfig(), user=("alice:\udcff",))


def test_a_hash_in_a_file_that_can_answer_nothing_is_named_with_its_place(path: Path) -> None:
    path.write_text(f'digest = ["SHA-256"]\n[users]\nbob = {{ha1 = "{HA1}"}}\n')
    with pytest.raises(UsageError) as caught:
        merge(read_config(str(path)))

    assert f"{path}: $.users.bob: its hash answers none of the digests: SHA-256" == str(
        caught.value
    )


def test_a_user_that_the_command_line_gives_anew_is_no_longer_of_the_file(path: Path) -> None:
    path.write_text(f'digest = ["SHA-256"]\n[users]\nbob = {{ha1 = "{HA1}"}}\n')

    merged = merge(read_config(str(path)), user=("bob:builder",))
    assert {"bob": "--user bob"} == merged.places
