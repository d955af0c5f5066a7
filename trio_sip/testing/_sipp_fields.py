"""What a call of a scenario knows, and what its keywords and actions make of that."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence

import attrs

from trio_sip._errors import RemoteProtocolError, SipError
from trio_sip.auth import (
    Algorithm,
    Credentials,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
    compute_ha1,
    compute_response,
)
from trio_sip.transport import Address

from ._sipp_actions import Action, ActionKind
from ._sipp_keywords import Keyword, Template, read_template, render

__all__ = ["CallFailed", "CallFields", "CallSettings", "header_lines"]

Value = str | float | bool

_SHORT_FORMS = {"via": "v", "from": "f", "to": "t", "call-id": "i", "contact": "m",
                "content-length": "l", "content-type": "c", "subject": "s", "supported": "k"}  # fmt: skip
_NUMBER = re.compile(r"\s*-?\d{1,15}(?:\.\d{1,9})?")
_TAG = re.compile(r";\s*tag=([^;,\s>]+)", re.IGNORECASE)


class CallFailed(Exception):
    """A call did not go as the scenario says."""


@attrs.frozen(kw_only=True)
class CallSettings:
    """What is the same for all calls."""

    local: Address
    transport: str
    service: str
    pid: int
    media_port: int
    username: str
    password: str = attrs.field(repr=False)
    keys: Mapping[str, str]


def header_lines(text: str, name: str) -> list[str]:
    """The lines of a header, name included, each on one line; compact forms as well."""
    head = text.partition("\r\n\r\n")[0]
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")[1:]
    names = {name.lower(), _SHORT_FORMS.get(name.lower(), name.lower())}
    return [line for line in lines if line.partition(":")[0].strip().lower() in names]


def _value_of(lines: list[str]) -> str:
    return lines[0].partition(":")[2].strip() if lines else ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class CallFields:
    """The variables of one call, and its last message."""

    def __init__(
        self,
        settings: CallSettings,
        number: int,
        call_id: str,
        remote: Address,
        row: Sequence[str],
        dice: random.Random,
    ) -> None:
        self.settings = settings
        self.number = number
        self.call_id = call_id
        self.remote = remote
        self.variables: dict[str, Value] = {}
        self.last = ""
        """The message that came last."""

        self.index = 0
        self.now = 0.0
        self.stop: str | None = None
        self.log: list[str] = []
        self._row = row
        self._dice = dice
        self._cseq = 0
        self._visits: dict[int, int] = {}
        self._peer_tag: str | None = None
        self._routes: list[str] = []
        self._next_url = ""
        self._challenge: tuple[int, list[str], list[str]] | None = None
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
        tags = _TAG.findall(_value_of(header_lines(text, "To" if is_response else "From")))
        if tags:
            self._peer_tag = tags[0]
        if record_routes:
            routes = [line.partition(":")[2].strip() for line in header_lines(text, "Record-Route")]
            items = [item.strip() for line in routes for item in line.split(",")]
            self._routes = items[::-1] if is_response else items
            contact = _value_of(header_lines(text, "Contact"))
            bracketed = re.search(r"<([^>]*)>", contact)
            self._next_url = bracketed[1] if bracketed else contact.partition(";")[0]
        if auth:
            server, proxy = (
                [line.partition(":")[2].strip() for line in header_lines(text, name)]
                for name in ("WWW-Authenticate", "Proxy-Authenticate")
            )
            status = text.split(" ", 2)[1] if is_response else "401"
            self._challenge = int(status) if status.isdigit() else 401, server, proxy

    # -- keywords

    def value(self, keyword: Keyword) -> str | None:
        """See `MessageFields`."""
        match keyword.name:
            case "variable":
                return _text(self.variables.get(keyword.argument, ""))
            case "last":
                return self._of_last(keyword.argument, keyword.offset)
            case "field":
                number = int(keyword.argument)
                return self._expanded(self._row[number] if number < len(self._row) else "")
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
        return self._line(template)

    def _plain(self, keyword: Keyword) -> str:
        settings, offset = self.settings, keyword.offset
        local, remote = settings.local, self.remote
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
            "remote_ip": _bracketed(remote.host),
            "server_ip": _bracketed(local.host),
            "service": settings.service,
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
            number = _value_of(header_lines(self.last, "CSeq")).split(" ")[0]
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
        settings = self.settings
        name = keyword.params.get("username", settings.username)
        secret = PlainSecret(
            self._filled(name), self._filled(keyword.params.get("password", settings.password))
        )
        # Whoever asks: there is nobody else in a scenario.
        credential = OutboundCredential(secret, next_hops=["peer"])
        attempt = OutboundAuthenticator([credential]).start_attempt("peer")
        status, server, proxy = self._challenge
        try:
            attempt.receive_rejection(status, server_challenges=server, proxy_challenges=proxy)
            method, uri, body = self._start_line
            cnonce = f"{self._dice.getrandbits(64):016x}"
            headers = attempt.headers(method=method, uri=uri, body=body, cnonce=cnonce)
        except SipError as error:
            raise CallFailed(f"cannot answer the challenge: {error}") from None
        return "\r\n".join(f"{header.name}: {header.value}" for header in headers)

    def _filled(self, text: str) -> str:
        # ``username=[field0]`` cannot stand in a keyword; ``field0`` without brackets can.
        match = re.fullmatch(r"field(\d{1,4})", text)
        return text if match is None else self.value(Keyword("field", match[1])) or ""

    # -- variables and actions

    def is_set(self, variable: str) -> bool:
        """Whether a variable has a value, and not the value false."""
        value = self.variables.get(variable, False)
        return value is not False and value != ""

    def act(self, action: Action) -> str | None:
        """Carry out one action; the label to go to, if it says so."""
        kind, targets = action.kind, action.targets
        line = self._line(action.template)
        match kind:
            case ActionKind.EREG:
                self._search(action)
            case ActionKind.LOG | ActionKind.WARNING:
                self.log.append(line)
            case ActionKind.ERROR:
                raise CallFailed(line or f"the scenario gives up in line {action.line}")
            case ActionKind.ASSIGN_STRING:
                self._assign(targets, line)
            case ActionKind.ASSIGN:
                self._assign(targets, self._number(line, action.variable))
            case ActionKind.TODOUBLE:
                self._assign(targets, self._number("", action.variable))
            case ActionKind.TRIM:
                name = action.targets[0] if action.targets else action.variable
                self.variables[name] = _text(self.variables.get(name, "")).strip()
            case ActionKind.TEST | ActionKind.STRCMP:
                self._assign(targets, self._compare(action, line))
            case ActionKind.JUMP:
                return action.label
            case ActionKind.VERIFY_AUTH:
                self._assign(targets, self._is_proved(action))
            case ActionKind.STOP:
                self.stop = action.value
            case _:
                self._reckon(action, line)
        return None

    def _line(self, template: Template | None) -> str:
        if template is None:
            return ""
        pieces = (one if isinstance(one, str) else self.value(one) or "" for one in template.pieces)
        return "".join(pieces).rstrip("\r\n")

    def _assign(self, targets: Sequence[str], value: Value) -> None:
        for target in targets:
            self.variables[target] = value

    def _number(self, text: str, variable: str) -> float:
        value: Value = self.variables.get(variable, 0.0) if variable else text
        if isinstance(value, float):
            return value
        match = _NUMBER.match(str(value))
        return float(match[0]) if match is not None else 0.0

    def _reckon(self, action: Action, line: str) -> None:
        other = self._number(line, action.variable)
        for target in action.targets:
            value = self._number("", target)
            if action.kind is ActionKind.DIVIDE and other == 0:
                raise CallFailed(f"division by zero in line {action.line}")
            self.variables[target] = {
                ActionKind.ADD: lambda a, b: a + b,
                ActionKind.SUBTRACT: lambda a, b: a - b,
                ActionKind.MULTIPLY: lambda a, b: a * b,
                ActionKind.DIVIDE: lambda a, b: a / b,
            }[action.kind](value, other)

    def _compare(self, action: Action, line: str) -> Value:
        value = self.variables.get(action.variable, "")
        if action.kind is ActionKind.STRCMP:
            # As in C: 0 if they are equal, and so not "set" in the sense of a test.
            return float((_text(value) > line) - (_text(value) < line))
        number, other = self._number("", action.variable), self._number(line, "")
        return {
            "equal": number == other,
            "not_equal": number != other,
            "greater_than": number > other,
            "less_than": number < other,
            "greater_than_equal": number >= other,
            "less_than_equal": number <= other,
        }.get(action.value, False)

    def _search(self, action: Action) -> None:
        assert action.pattern is not None
        match = action.pattern.search(self._searched(action))
        if action.must_match is not None and action.must_match != (match is not None):
            found = "was found" if match is not None else "was not found"
            raise CallFailed(f"{action.pattern.pattern!r} {found} (line {action.line})")
        groups = [] if match is None else [match[0], *match.groups("")]
        for place, target in enumerate(action.targets):
            if place < len(groups):
                self.variables[target] = groups[place]
            else:
                self.variables.pop(target, None)

    def _is_proved(self, action: Action) -> bool:
        """Whether the credentials of the last message are those of a user."""
        values = [
            line.partition(":")[2].strip()
            for name in ("Authorization", "Proxy-Authorization")
            for line in header_lines(self.last, name)
        ]
        method = self.last.partition(" ")[0]
        body = self.last.partition("\r\n\r\n")[2].encode("utf-8", "surrogateescape")
        name, password = self._filled(action.username), self._filled(action.password)
        for value in values:
            try:
                given = Credentials.parse(value)
            except RemoteProtocolError:
                continue
            algorithm = given.algorithm or Algorithm.MD5
            if given.username != name or not isinstance(algorithm, Algorithm):
                continue
            ha1 = compute_ha1(name, given.realm, password, algorithm)
            right = compute_response(
                ha1, algorithm, method=method, uri=given.uri, nonce=given.nonce, qop=given.qop,
                nc=given.nc or "", cnonce=given.cnonce or "", body=body,
            )  # fmt: skip
            if right == given.response.lower():
                return True
        return False

    def _searched(self, action: Action) -> str:
        if action.search_in == "var":
            return _text(self.variables.get(action.variable, ""))
        if action.search_in == "body":
            return self.last.partition("\r\n\r\n")[2]
        if action.search_in == "hdr":
            lines = header_lines(self.last, action.header.strip().rstrip(":"))
            place = action.occurrence - 1
            return lines[place].partition(":")[2] if 0 <= place < len(lines) else ""
        return self.last


def _text(value: Value) -> str:
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) else f"{value:f}"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
