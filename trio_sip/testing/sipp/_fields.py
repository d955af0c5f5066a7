"""What a call of a scenario knows, and what its keywords make of that."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

import attrs

from trio_sip.transport import Address, Network

from ._actions import Stop
from ._credentials import Card, Challenge, answer_challenge
from ._headers import header_lines, values_of
from ._keywords import Keyword, Template, read_template, render
from ._rows import InjectionFile, Rows
from ._variables import Variables, number_of, text_of

__all__ = ["CallFields", "CallSettings", "ScenarioFields"]

_TAG = re.compile(r";\s*tag=([^;,\s>]+)", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class ScenarioFields:
    """What keywords of a scenario stand for."""

    service: str = "service"
    """``[service]``."""

    username: str = ""
    """For ``[authentication]`` that names nobody."""

    password: str = attrs.field(default="", repr=False)
    """Of that user."""

    first_cseq: int = 1
    """``[cseq]`` in the first request."""

    files: Sequence[InjectionFile] = ()
    """``[field0]``, … of several files, in whatever order; see `read_injection_file`."""

    variables: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Global variables from the beginning, as by SIPp's ``-set``."""


@attrs.frozen(kw_only=True)
class CallSettings:
    """What is the same in all messages, and not in all runs."""

    network: Network
    host: str
    """Where we are."""

    transport: str
    pid: int
    media_port: int
    users: int
    keys: Mapping[str, str] = attrs.field(repr=False)
    rows: Rows
    given: ScenarioFields
    epoch: float
    """What the time of day is ahead of the clock."""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class CallFields:
    """The variables of one call, and its last message."""

    def __init__(
        self,
        settings: CallSettings,
        number: int,
        call_id: str,
        local: Address,
        remote: Address,
        variables: Variables,
        dice: random.Random,
        user: int | None = None,
    ) -> None:
        self.settings = settings
        self.number = number
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.variables = variables
        self.dice = dice
        self.last = ""
        """The message that came last."""

        self.index = 0
        self.now = 0.0
        self.stop: Stop | None = None
        self.log: list[str] = []
        self._user = user
        self._chosen = settings.rows.choose(user, dice)
        self._cseq = settings.given.first_cseq - 1
        self._visits: dict[int, int] = {}
        self._peer_tag: str | None = None
        self._routes: list[str] = []
        self._next_url = ""
        self._challenge: Challenge | None = None
        self._card: Card | None = None
        self._start_line: tuple[str, str, bytes] | None = None

    # -- messages

    def message(self, template: Template, index: int) -> str:
        """The text of a message to be sent."""
        self.index = index
        self._visits[index] = self._visits.get(index, 0) + 1
        if template.method not in {None, "ACK", "CANCEL"}:
            self._cseq += 1
        self._start_line = None
        text = render(template, self)
        if self._challenge is not None:
            # What it answers for is known only now.
            line, _, rest = text.partition("\r\n")
            words = line.split(" ")
            uri = words[1] if len(words) > 1 else ""
            self._start_line = words[0], uri, rest.partition("\r\n\r\n")[2].encode()
            text = render(template, self)
        return text

    def took(self, text: str, *, auth: bool, record_routes: bool) -> None:
        """Remember a message that was waited for."""
        self.last = text
        is_response = text.startswith("SIP/2.0 ")
        tags = _TAG.findall(_first(text, "To" if is_response else "From"))
        if tags:
            self._peer_tag = tags[0]
        if record_routes:
            routes = values_of(text, "Record-Route")
            items = [item.strip() for line in routes for item in line.split(",")]
            self._routes = items[::-1] if is_response else items
            contact = _first(text, "Contact")
            bracketed = re.search(r"<([^>]*)>", contact)
            self._next_url = bracketed[1] if bracketed else contact.partition(";")[0]
        if auth:
            self._challenge = Challenge.of(text)

    # -- keywords

    def value(self, keyword: Keyword) -> str | None:
        """See `MessageFields`."""
        match keyword.name:
            case "variable":
                return text_of(self.variables.get(keyword.argument, ""))
            case "last":
                return self._of_last(keyword.argument, keyword.offset)
            case "field":
                return self._field(keyword)
            case "key":
                return self._expanded(self.settings.keys.get(keyword.argument, ""))
            case "authentication":
                return self._authentication(keyword)
            case "fill":
                return self._fill(keyword)
            case "branch":
                index = self.index + keyword.offset
                visits = self._visits.get(index, 1)
                again = f"-{visits}" if visits > 1 else ""
                return f"z9hG4bK-{self.settings.pid}-{self.number}-{index}{again}"
            case "peer_tag_param":
                return f";tag={self._peer_tag}" if self._peer_tag else ""
            case "routes":
                routes = ", ".join(self._routes)
                return f"Route: {routes}" if routes else None
        return self._plain(keyword)

    def _expanded(self, text: str) -> str | None:
        """What is injected may hold keywords itself."""
        if "[" not in text:
            return text
        template, _ = read_template(text, 0)
        pieces = [one for one in template.pieces if one != "\r\n"]
        if len(pieces) == 1 and isinstance(pieces[0], Keyword):
            return self.value(pieces[0])
        return self.line(template)

    def _field(self, keyword: Keyword) -> str | None:
        file, line = keyword.params.get("file"), keyword.params.get("line")
        row = None if line is None else int(number_of(self.filled(line)))
        name = None if file is None else self.filled(file)
        number = int(keyword.argument)
        return self._expanded(self.settings.rows.field(number, self._chosen, name, row))

    def _plain(self, keyword: Keyword) -> str:
        settings, offset = self.settings, keyword.offset
        local, remote = self.local, self.remote
        numbers = {
            "auto_media_port": settings.media_port + 4 * (self.number - 1),
            "call_number": self.number,
            "clock_tick": int(self.now * 1000),
            "cseq": self._cseq,
            "local_port": local.port,
            "media_port": settings.media_port,
            "msg_index": self.index,
            "pid": settings.pid,
            "remote_port": remote.port,
            "userid": self._user or 0,
            "users": settings.users,
        }
        if keyword.name in numbers:
            return str(numbers[keyword.name] + offset)
        return {
            "call_id": self.call_id,
            "local_ip": _bracketed(local.host),
            "local_ip_type": "6" if local.is_ipv6 else "4",
            "media_ip": local.host,
            "media_ip_type": "6" if local.is_ipv6 else "4",
            "next_url": self._next_url,
            "remote_host": remote.host,
            "remote_ip": _bracketed(remote.host),
            "server_ip": _bracketed(local.host),
            "service": settings.given.service,
            "sipp_version": "trio-sip",
            "timestamp": f"{self.now:.6f}",
            "transport": settings.transport,
        }[keyword.name]

    def _of_last(self, name: str, offset: int) -> str | None:
        if name == "message":
            return self.last
        if name.lower() == "request_uri":
            words = self.last.split("\r\n", 1)[0].split(" ")
            return words[1] if len(words) > 1 else ""
        if name == "cseq_number":
            number = _first(self.last, "CSeq").split(" ")[0]
            return str(int(number[:10]) + offset) if number.isdigit() else ""
        lines = header_lines(self.last, name)
        return "\r\n".join(lines) if lines else None

    def _fill(self, keyword: Keyword) -> str:
        pattern = keyword.params.get("text", "X") or "X"
        wanted = self.variables.get(keyword.params.get("variable", ""), 0.0)
        size = min(int(wanted), 65536) if isinstance(wanted, float) and wanted > 0 else 0
        return (pattern * (size // len(pattern) + 1))[:size]

    def _authentication(self, keyword: Keyword) -> str | None:
        if self._challenge is None or self._start_line is None:
            return None
        given = self.settings.given
        name = keyword.params.get("username", given.username)
        password = keyword.params.get("password", given.password)
        return answer_challenge(
            self._challenge,
            self.filled(name),
            self.filled(password),
            self._start_line,
            cnonce=f"{self.dice.getrandbits(64):016x}",
            card=self._card_of(keyword, password),
        )

    def _card_of(self, keyword: Keyword, password: str) -> Card | None:
        """The card that the keyword describes: one for the whole call, for it counts."""
        params = keyword.params
        if "aka_OP" not in params:
            return None
        k, op, amf = (
            self.filled(one)
            for one in (
                params.get("aka_K", password),
                params["aka_OP"],
                params.get("aka_AMF", "0x8000"),
            )
        )
        if self._card is None or (k, op) != (self._card.k, self._card.op):
            self._card = Card(k, op, amf)
        return self._card

    def filled(self, text: str) -> str:
        """What a parameter of a keyword says."""
        match = re.fullmatch(r"field(\d{1,4})", text)
        if match is not None:
            return self.value(Keyword("field", match[1])) or ""
        return self._expanded(text) or ""

    def line(self, template: Template | None) -> str:
        """One line with keywords."""
        if template is None:
            return ""
        pieces = (one if isinstance(one, str) else self.value(one) or "" for one in template.pieces)
        return "".join(pieces).rstrip("\r\n")


def _first(text: str, name: str) -> str:
    return next(iter(values_of(text, name)), "")
