"""The import contract that import-linter does not have: borders are crossed at the front door."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output

ROOT = "trio_sip"


def _owner(module: str) -> str | None:
    """The package that a private module is of: ``trio_sip.message`` of ``trio_sip.message._uri``.

    ``None`` for what is public, or private to the whole.
    """
    parts = module.split(".")
    private = next((place for place, part in enumerate(parts) if part.startswith("_")), 0)
    return ".".join(parts[:private]) if parts[0] == ROOT and private > 1 else None


def _is_past_the_door(importer: str, imported: str) -> bool:
    owner = _owner(imported)
    return owner is not None and not f"{importer}.".startswith(f"{owner}.")


class FacadeContract(Contract):
    """Private modules of a package are imported by that package only."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = [
            (importer, imported)
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if _is_past_the_door(importer, imported)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} reaches past the front door into {imported}")
