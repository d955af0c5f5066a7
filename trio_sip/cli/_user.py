"""Who somebody is, as ``--user NAME:PASSWORD`` says it."""

from __future__ import annotations

import unicodedata
from typing import Annotated

import attrs
from cyclopts import Parameter

from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.message import Uri

from ._errors import UsageError

__all__ = ["User", "UserOption", "check_user", "parse_user"]

UserOption = Annotated[str | None, Parameter(name="--user", help="Credentials, as NAME:PASSWORD.")]


@attrs.frozen
class User:
    """A name and a password, as ``--user`` gives them."""

    name: str
    password: str = attrs.field(repr=False)

    def credential(self, target: Uri) -> OutboundCredential:
        """Shown to the host of *target* and to nobody else."""
        return OutboundCredential(PlainSecret(self.name, self.password), next_hops=[target.host])


def parse_user(text: str, place: str = "--user") -> User:
    """``NAME:PASSWORD``.  The UsageError never repeats the text: it may be a password."""
    name, colon, password = text.partition(":")
    if not (name and colon):
        raise UsageError(f"{place}: want NAME:PASSWORD")
    if not name.isprintable():
        raise UsageError(f"{place}: not a user name: {name!r}")
    _check_password(password, place)
    return User(name, password)


def check_user(name: str, password: str | None, place: str) -> None:
    """UsageError, with *place* in front, unless a telephone can come as this user.

    Args:
      name: ``alice`` or ``alice@example.com``.
      password: ``None`` where only its hash is known; never shown.
      place: where they are written.
    """
    if not name.isprintable() or " " in name or name.startswith("@") or name.endswith("@"):
        raise UsageError(f"{place}: not a user name: {name!r}")
    if password is not None:
        if not password:
            # --user "alice:$PASSWORD", where there is no such variable.
            raise UsageError(f"{place}: want a password that is not empty")
        _check_password(password, place)


def _check_password(password: str, place: str) -> None:
    # "Cs" is what became of an argument that is not UTF-8.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise UsageError(f"{place}: want a password without control characters, in UTF-8")
