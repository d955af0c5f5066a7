"""One message in many spellings: RFC 3261 section 7.3.1 allows more than anybody expects."""

from __future__ import annotations

from hypothesis import strategies as st

from trio_sip.message import COMPACT_FORMS, Request, Response, canonical_name, split_list

__all__ = ["spellings"]

_SHORT = {name: letter for letter, name in COMPACT_FORMS.items()}
# Fields that are lists: their values may stand on one line or on several.
_LISTS = frozenset({"Via", "Contact", "Route", "Record-Route", "Allow", "Supported", "Require"})
_BEFORE_COLON = st.sampled_from(["", "", " ", "\t", "  "])
_AFTER_COLON = st.sampled_from([" ", "", "  ", "\t", "\r\n ", " \r\n\t "])
_AT_THE_END = st.sampled_from(["", "", " ", "\t "])


@st.composite
def spellings(draw: st.DrawFn, message: Request | Response) -> bytes:
    """Octets that mean *message*: its headers in another order, compact or not, in any case,
    folded, in lists or lines, with white space wherever it is legal.

    The order of values of one field stays what it was, as does everything that is compared.
    """
    fields: dict[str, list[str]] = {}
    for name, value in message.headers:
        fields.setdefault(canonical_name(name), []).append(value)
    fields.setdefault("Content-Length", [str(len(message.body))])
    lines: list[str] = []
    for name in draw(st.permutations(list(fields))):
        lines += [draw(_line(name, value)) for value in draw(_arranged(name, fields[name]))]
    start = bytes(message).partition(b"\r\n")[0].decode("utf-8", "surrogateescape")
    blank = draw(st.sampled_from(["", "", "\r\n", "\r\n\r\n"]))
    head = blank + "\r\n".join([start, *lines, "", ""])
    return head.encode("utf-8", "surrogateescape") + message.body


@st.composite
def _arranged(draw: st.DrawFn, name: str, values: list[str]) -> list[str]:
    if name not in _LISTS:
        return values
    single = [one for value in values for one in split_list(value)]
    comma = draw(st.sampled_from([",", ", ", " , ", ",\r\n "]))
    lines: list[str] = [single[0]]
    for one in single[1:]:
        if draw(st.booleans()):
            lines.append(one)
        else:
            lines[-1] += comma + one
    return lines


@st.composite
def _line(draw: st.DrawFn, name: str, value: str) -> str:
    if name in _SHORT and draw(st.booleans()):
        name = _SHORT[name]
    name = draw(st.sampled_from([name, name.lower(), name.upper(), name.swapcase()]))
    return f"{name}{draw(_BEFORE_COLON)}:{draw(_AFTER_COLON)}{value}{draw(_AT_THE_END)}"
