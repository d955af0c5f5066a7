"""Who somebody is, as ``--user NAME:PASSWORD`` says it."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Parameter

from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.message import Uri

from ._errors import UsageError
from ._text import printable

__all__ = ["User", "UserOption", "parse_user"]

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
    if not (name and colon) or not printable(name) == name:
        raise UsageError(f"{place}: want NAME:PASSWORD")
    return User(name, password)
