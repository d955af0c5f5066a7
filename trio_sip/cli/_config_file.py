"""The TOML file of ``trio-sip serve``, and where exactly it is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import Algorithm, HashedSecret, PlainSecret
from trio_sip.transport import ClientCertificates, Listen

from ._config import (
    Secret,
    ServeConfig,
    parse_algorithm,
    parse_database,
    parse_domain,
    parse_http,
    parse_realm,
)
from ._errors import UsageError
from ._tls import TlsFiles

__all__ = ["read_config"]


@attrs.frozen(kw_only=True)
class HashedUser:
    """``name = {ha1 = "…", algorithm = "MD5"}``: a user whose password is nowhere to be read."""

    ha1: str = attrs.field(repr=False)
    algorithm: Algorithm = Algorithm.MD5


def read_config(path: str) -> ServeConfig:
    """Read a TOML file.

    Raises:
      UsageError: it cannot be read or is wrong; the text says ``FILE: PLACE: what``.
    """
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    try:
        config = _converter().structure(table, ServeConfig)
    except cattrs.BaseValidationError as error:
        found = [_place_first(line) for line in cattrs.transform_error(error, "$", _explain)]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise UsageError(f"{path}: {found[0]}{more}") from None
    return attrs.evolve(config, places={name: f"{path}: $.users.{name}" for name in config.users})


def _place_first(line: str) -> str:
    # Not the last "@" of all: there may be one in a user's name.
    what, _, place = line.rpartition(" @ $")
    return f"${place}: {what}"


def _explain(error: BaseException, expected: type | None) -> str:
    match error:
        case UsageError() | LocalProtocolError():
            return str(error)
        case cattrs.ForbiddenExtraKeysError():
            return f"no such key: {', '.join(sorted(map(str, error.extra_fields)))}"
        case KeyError():
            return "missing"
    return f"wrong value, expected {getattr(expected, '__name__', expected)}"


# Any: these are hooks of cattrs, which take whatever stood in the file.


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(Algorithm, lambda value, _: parse_algorithm(_text(value)))
    converter.register_structure_hook(ClientCertificates, _clients)
    converter.register_structure_hook(
        ServeConfig,
        make_dict_structure_fn(
            ServeConfig,
            converter,
            _cattrs_forbid_extra_keys=True,
            listen=cattrs.override(struct_hook=_list_of(Listen.parse)),
            domains=cattrs.override(struct_hook=_list_of(parse_domain)),
            digest=cattrs.override(struct_hook=_list_of(parse_algorithm)),
            database=cattrs.override(struct_hook=lambda value, _: parse_database(_text(value))),
            http=cattrs.override(struct_hook=lambda value, _: parse_http(_text(value))),
            tls=cattrs.override(struct_hook=lambda table, _: _tls(table, converter)),
            realm=cattrs.override(struct_hook=lambda value, _: parse_realm(_text(value))),
            places=cattrs.override(omit=True),
            users=cattrs.override(struct_hook=lambda table, _: _users(table, converter)),
        ),
    )
    return converter


def _text(value: Any, _: Any = None) -> str:
    if not isinstance(value, str):
        raise UsageError(f"expected text, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    for kind, name in ((dict, "a table"), (list, "a list"), (str, "text")):
        if isinstance(value, kind):
            return name
    return repr(value)


def _list_of(parse: Callable[[str], object]) -> Callable[[Any, Any], object]:
    def structure(values: Any, _: Any) -> object:
        if not isinstance(values, list):
            raise UsageError(f"expected a list, not {_kind(values)}")
        made: list[object] = []
        faults: list[Exception] = []
        for place, value in enumerate(values):
            try:
                made.append(parse(_text(value)))
            except (UsageError, LocalProtocolError) as error:
                error.add_note(cattrs.IterableValidationNote("", place, str))
                faults.append(error)
        if faults:
            raise cattrs.IterableValidationError("", faults, list)
        if not made:
            raise UsageError("nothing in it: leave it out for the default")
        return tuple(made)

    return structure


def _tls(table: Any, converter: cattrs.Converter) -> TlsFiles:
    if not isinstance(table, dict):
        raise UsageError(f"expected a table, not {_kind(table)}")
    return converter.structure(table, TlsFiles)


def _clients(value: Any, _: Any) -> ClientCertificates:
    try:
        return ClientCertificates(_text(value))
    except ValueError:
        known = ", ".join(one.value for one in ClientCertificates)
        raise UsageError(f"want one of {known}, not {value!r}") from None


def _users(table: Any, converter: cattrs.Converter) -> dict[str, Secret]:
    if not isinstance(table, dict):
        raise UsageError(f"expected a table, not {_kind(table)}")
    secrets: dict[str, Secret] = {}
    faults: list[Exception] = []
    for name, value in table.items():
        try:
            secrets[name] = _secret(name, value, converter)
        except (UsageError, LocalProtocolError, cattrs.BaseValidationError) as error:
            error.add_note(cattrs.AttributeValidationNote("", name, str))
            faults.append(error)
    if faults:
        raise cattrs.ClassValidationError("", faults, ServeConfig)
    return secrets


def _secret(name: str, value: Any, converter: cattrs.Converter) -> Secret:
    if not name:
        raise UsageError("a user needs a name")
    if isinstance(value, dict):
        hashed = converter.structure(value, HashedUser)
        return HashedSecret(name, hashed.algorithm, hashed.ha1)
    if not isinstance(value, str):
        # Not repeated: it is meant to be a password.
        raise UsageError('expected "password" or {ha1 = "…", algorithm = "…"}')
    return PlainSecret(name, value)
