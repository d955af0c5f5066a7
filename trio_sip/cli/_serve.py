"""``trio-sip serve``: a registrar with digest authentication."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Callable
from typing import Annotated, TypeVar

import attrs
import trio
from cyclopts import Parameter

from trio_sip._errors import TransportFailed
from trio_sip.auth import PlainSecret
from trio_sip.services import HttpService
from trio_sip.stack import Stack
from trio_sip.transport import Listen

from ._config import ServeConfig, parse_algorithm, parse_database, parse_domain, parse_http
from ._config_file import read_config
from ._errors import ExitStatus, UsageError
from ._file_limit import raise_file_limit
from ._printer import open_printer
from ._server import open_server
from ._tls import CertificateOption, KeyOption, ListenOption, TlsFiles
from ._user import parse_user

_COLLECT_EVERY = 600.0
_QUIET = 1000
"""Transactions kept for 32 seconds each: some thirty requests a second."""

__all__ = ["serve"]

T = TypeVar("T")


async def serve(
    *,
    config: Annotated[str | None, Parameter(help="A TOML file; see the documentation.")] = None,
    listen: ListenOption = (),
    domain: Annotated[
        tuple[str, ...], Parameter(help="A domain to be responsible for; any if none.")
    ] = (),
    user: Annotated[tuple[str, ...], Parameter(help="A user, as NAME:PASSWORD.")] = (),
    digest: Annotated[
        tuple[str, ...],
        Parameter(help="MD5 (default), SHA-256 or SHA-512-256; the most preferred first."),
    ] = (),
    database: Annotated[
        str | None, Parameter(help="Keep registrations in this file, over restarts.")
    ] = None,
    http: Annotated[
        str | None, Parameter(help="Answer /healthz and /metrics at HOST:PORT.")
    ] = None,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    verbose: Annotated[
        bool, Parameter(alias="-v", help="Log more than warnings and errors.")
    ] = False,
) -> int:
    """Run the server until SIGTERM or SIGINT."""
    _prepare_process(verbose)
    chosen = _merge(
        ServeConfig() if config is None else read_config(config),
        listen=listen,
        domain=domain,
        user=user,
        digest=digest,
        database=database,
        http=http,
        tls=_tls_files(certificate, key),
    )
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with open_printer(sys.stdout.fileno()) as printer:
            try:
                async with open_server(chosen, printer) as stack:
                    _calm_the_garbage_collector()
                    for one in stack.listening:
                        printer.print_nowait(f"listening on {one}")
                    for service in stack.services:
                        if isinstance(service, HttpService):
                            printer.print_nowait(f"listening on http://{service.listening}")
                    printer.print_nowait("ready")
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(_collect_when_quiet, stack)
                        await anext(signals)
                        nursery.cancel_scope.cancel()
            except TransportFailed as error:
                # Only binding can fail here; the text names the address.
                raise UsageError(str(error)) from None
    return ExitStatus.OK


def _prepare_process(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    raise_file_limit()


def _merge(
    config: ServeConfig,
    *,
    listen: tuple[str, ...],
    domain: tuple[str, ...],
    user: tuple[str, ...],
    digest: tuple[str, ...],
    database: str | None,
    http: str | None,
    tls: TlsFiles | None = None,
) -> ServeConfig:
    """What the file says, with what the command line says instead or besides."""
    added = [parse_user(text, f"--user number {place}") for place, text in enumerate(user, 1)]
    merged = attrs.evolve(
        config,
        listen=tuple(map(Listen.parse, listen)) or config.listen,
        domains=config.domains + tuple(map(parse_domain, domain)),
        digest=tuple(dict.fromkeys(map(parse_algorithm, digest))) or config.digest,
        database=config.database
        if database is None
        else _named("--database", parse_database, database),
        http=config.http if http is None else _named("--http", parse_http, http),
        tls=tls or config.tls,
        users={**config.users, **{one.name: PlainSecret(one.name, one.password) for one in added}},
        places={**config.places, **{one.name: f"--user {one.name}" for one in added}},
    )
    merged.check()
    return merged


def _tls_files(certificate: str | None, key: str | None) -> TlsFiles | None:
    if certificate is not None:
        return TlsFiles(certificate=certificate, key=key)
    if key is not None:
        raise UsageError("--tls-key: want --tls-certificate, too")
    return None


def _named(option: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def _calm_the_garbage_collector() -> None:
    """Make full collections rare and short.

    A full collection stops the world for as long as there are objects to look at.  Beyond some
    tens of milliseconds the socket's buffer runs over, and datagrams are lost that nobody counts.
    What there is after the start (code, tables, users) stays for good and need not be looked at
    again; and as transactions are freed by their reference counts, collecting cycles is needed
    far less often than every 700 new objects.  The middle generation must not grow large either:
    fifty times 50,000 objects were a second.  Full collections are left to `_collect_when_quiet`.
    This is for a program to decide: a library would decide it for everything else in its process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 3, 1_000_000)


async def _collect_when_quiet(stack: Stack) -> None:
    """Look for cycles among the old objects now and then, when nobody is kept waiting by it."""
    while True:
        await trio.sleep(_COLLECT_EVERY)
        if stack.statistics().transactions.servers < _QUIET:
            gc.collect()
