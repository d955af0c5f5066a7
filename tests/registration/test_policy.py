from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.registration import RegistrarPolicy


@pytest.mark.parametrize(
    ("minimum", "default", "maximum"),
    [(0, 3600, 7200), (61, 60, 7200), (60, 3600, 3599), (60, 3600, 2**32)],
)
def test_a_policy_that_contradicts_itself_cannot_be_made(
    minimum: int, default: int, maximum: int
) -> None:
    with pytest.raises(LocalProtocolError):
        RegistrarPolicy(min_expires=minimum, default_expires=default, max_expires=maximum)


def test_a_policy_allows_at_least_one_contact() -> None:
    with pytest.raises(LocalProtocolError):
        RegistrarPolicy(max_contacts=0)
