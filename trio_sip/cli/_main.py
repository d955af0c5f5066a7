"""The entry point: commands, and how whatever happens in them ends.

Cyclopts, rich and cattrs are imported when the program runs and not before, so that neither
``import trio_sip`` nor a library user without the extra ever meets them.
"""

from __future__ import annotations

import errno
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._errors import ExitStatus, describe, leaf_of

if TYPE_CHECKING:
    import cyclopts

__all__ = ["main"]

_EXTRA = frozenset({"cyclopts", "rich", "cattrs"})
_MISSING = "trio-sip's command line needs the cli extra: pip install 'trio-sip[cli]'"

# In the order of a first encounter.  The modules are imported when they are called for.
_COMMANDS = {
    "demo": """See a server and two telephones talk to each other.

One telephone registers with digest authentication, asks whether the server
is there, sends it a text, and calls the other one.  Sockets, messages and
times are real; nothing leaves this machine.""",
    "serve": """Run a registrar with digest authentication.

It says where it listens, then "ready"; SIGTERM and Ctrl-C end it in order.
An OPTIONS to the server itself is answered without a password.  What may be
given several times is repeated: --listen A --listen B.  The command line
wins over the file.""",
    "call": """Call somebody, and see what becomes of it.

There is no media: the call is offered one audio stream on which nobody
speaks.  Ctrl-C hangs up, or gives up if nobody has answered yet; pressed
twice, it does not wait for that to be heard.  The exit status is 1 when the
call was refused, not answered, or broken off.""",
    "answer": """Ring, answer, and show who calls.

It takes calls to whatever user; with --user and --registrar it is registered
meanwhile.  There is no media.  Ctrl-C hangs up and ends it.""",
    "ping": "Send OPTIONS: who answers, with what, after how long?",
    "register": "Send REGISTER, and show who is registered then.",
    "message": "Send a text (RFC 3428).",
    "decode": """Explain a message, and what is wrong with it.

The exit status is 1 if there is a fault.  Credentials and keys are never
shown.""",
    "sipp": """Run a SIPp scenario over UDP or TCP.

The exit status is 0 if every call went as the file says.  Media and commands
of the operating system are not supported: --check lists what in a file is
not, line by line.""",
    "ladder": "Draw the conversation in a capture file.",
    "explain": """Say what went wrong in a capture file.

SIP over UDP and TCP is read from pcap and pcapng; fragments, tunnels and
TLS are left out, and counted.  The exit status is 1 if there is a fault.""",
}


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command that *tokens* name, those of the command line if left out.

    Returns:
      The exit status.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        outcome = _run(sys.argv[1:] if tokens is None else list(tokens))
        # Here, where a reader that has gone away or a full disk can still be told.
        sys.stdout.flush()
        return outcome
    except BaseException as error:
        status = _tell(leaf_of(error))
        if status is None:
            raise
        return status


def _open_what_is_closed() -> None:
    """Put the null device where the parent left no standard stream, so that no socket gets there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It lives as long as the process.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _tell(error: BaseException) -> ExitStatus | None:
    """Say on standard error what went wrong; ``None`` for a bug, which deserves a traceback."""
    if isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ENOSPC):
        # What is still buffered can go nowhere; the interpreter must not try to flush it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has seen enough.
        return ExitStatus.FAILED
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in _EXTRA:
        print(_MISSING, file=sys.stderr)
        return ExitStatus.USAGE
    outcome = describe(error)
    if outcome is None:
        return None
    status, line = outcome
    if line:
        print(f"trio-sip: {line}", file=sys.stderr)
    return status


def _run(tokens: list[str]) -> int:
    import cyclopts  # noqa: PLC0415

    try:
        status = _app()(
            tokens,
            backend="trio",
            result_action="return_value",
            exit_on_error=False,
            print_error=False,
        )
    except cyclopts.CycloptsError as error:
        from ._usage import usage_line  # noqa: PLC0415

        print(f"trio-sip: {usage_line(error)}", file=sys.stderr)
        return ExitStatus.USAGE
    # Help and version return nothing.
    return ExitStatus.OK if status is None else int(status)


def _app() -> cyclopts.App:
    import cattrs  # noqa: F401, PLC0415
    import cyclopts  # noqa: PLC0415
    import rich  # noqa: F401, PLC0415  (whatever is missing is found out before anything starts)

    app = cyclopts.App(
        name="trio-sip",
        help="SIP on the command line: a server, a telephone, probes and a magnifying glass.",
        version=lambda: f"trio-sip {importlib.metadata.version('trio-sip')}",
        default_parameter=cyclopts.Parameter(negative=(), show_default=_worth_showing),
        help_format="plaintext",
    )
    for place, (name, summary) in enumerate(_COMMANDS.items()):
        command = f"trio_sip.cli._{name}:{name}"
        app.command(command, name=name, help=summary, sort_key=place)
    return app


def _worth_showing(value: object) -> str | None:
    return None if value in ((), None, False) else str(value)
