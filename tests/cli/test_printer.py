"""Lines that never hold up a server."""

from __future__ import annotations

import os

import trio

from trio_sip.cli._printer import Printer, open_printer


async def test_lines_come_out_in_order_and_all_of_them_before_the_end() -> None:
    reader, writer = os.pipe()
    async with open_printer(writer) as printer:
        printer.print_nowait("a")
        printer.print_nowait("Grüße")
    os.close(writer)

    with os.fdopen(reader, encoding="utf-8") as output:
        assert ["a\n", "Grüße\n"] == output.readlines()


async def test_a_reader_that_has_stopped_holds_up_nobody() -> None:
    reader, writer = os.pipe()
    line = "x" * 200_000
    with trio.fail_after(10):
        async with open_printer(writer) as printer:
            for _ in range(1200):
                printer.print_nowait(line)
            # The writer in its thread hangs on the first line by now, or soon will.
            assert 200 == printer.lost
    os.close(reader)
    os.close(writer)


async def test_a_reader_that_has_gone_is_no_reason_to_stop() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    async with open_printer(writer) as printer:
        printer.print_nowait("a")
    os.close(writer)

    assert 0 == printer.lost


async def test_lost_lines_are_counted_in_the_output() -> None:
    reader, writer = os.pipe()
    async with open_printer(writer) as printer:
        printer.lost = 3
        printer.print_nowait("a")
    os.close(writer)

    with os.fdopen(reader) as output:
        assert "3 lines were lost\na\n" == output.read()


async def test_what_does_not_fit_is_counted() -> None:
    send, receive = trio.open_memory_channel[str](1)
    printer = Printer(send)
    with send, receive:
        printer.print_nowait("a")
        printer.print_nowait("b")

    assert 1 == printer.lost
