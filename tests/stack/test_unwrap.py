"""What leaves a nursery of ours when something in it has failed."""

from __future__ import annotations

import pytest
import trio

from trio_sip.stack import single_error, unwrapping_single_errors


async def fail(error: type[Exception]) -> None:
    raise error


async def fail_deep_within(*errors: type[Exception], others: int = 0) -> None:
    """Nurseries in nurseries, with tasks that hear of the failure as `trio.Cancelled`."""
    with unwrapping_single_errors():
        async with trio.open_nursery() as outer, trio.open_nursery(), trio.open_nursery() as inner:
            for _ in range(others):
                outer.start_soon(trio.sleep_forever)
            for error in errors:
                inner.start_soon(fail, error)


@pytest.mark.parametrize("others", [0, 2])
async def test_one_error_leaves_as_itself(others: int) -> None:
    with pytest.raises(ZeroDivisionError):
        await fail_deep_within(ZeroDivisionError, others=others)


@pytest.mark.parametrize("others", [0, 2])
async def test_several_errors_leave_as_the_group_that_has_no_other_around_it(others: int) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await fail_deep_within(ZeroDivisionError, KeyError, others=others)

    assert {ZeroDivisionError, KeyError} == {type(one) for one in caught.value.exceptions}


def test_of_several_errors_none_is_the_one() -> None:
    assert single_error(ExceptionGroup("", [ValueError(), KeyError()])) is None
    assert type(single_error(ExceptionGroup("", [ExceptionGroup("", [KeyError()])]))) is KeyError
