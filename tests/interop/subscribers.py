"""People with passwords, and digests that owe nothing to the package under test."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

COUNT = 1000


class Subscriber(NamedTuple):
    """Somebody with a password."""

    name: str
    password: str

    @property
    def keyword(self) -> str:
        """What makes SIPp answer a challenge itself."""
        return f"[authentication username={self.name} password={self.password}]"

    def answer_sha256(self, challenge: str, uri: str) -> str:
        """The Authorization header for a REGISTER (RFC 7616 section 3.4, RFC 8760)."""
        said = dict(re.findall(r'(\w+)="?([^",]*)', challenge))
        assert "SHA-256" == said["algorithm"]
        assert "auth" == said["qop"]
        key = _hash(f"{self.name}:{said['realm']}:{self.password}")
        what = _hash(f"REGISTER:{uri}")
        response = _hash(f"{key}:{said['nonce']}:00000001:abc:auth:{what}")
        return (
            f'Authorization: Digest username="{self.name}", realm="{said["realm"]}", '
            f'nonce="{said["nonce"]}", uri="{uri}", response="{response}", algorithm=SHA-256, '
            f'qop=auth, nc=00000001, cnonce="abc", opaque="{said["opaque"]}"'
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
