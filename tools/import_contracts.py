"""The import contract that import-linter does not have: borders are crossed at the front door."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output

ROOT = "trio_sip"


def _package(module: str) -> str:
    """``trio_sip.message._uri`` → ``message``; the top level itself is the empty string."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _private(module: str) -> bool:
    parts = module.split(".")
    return len(parts) > 2 and parts[0] == ROOT and parts[2].startswith("_")


class FacadeContract(Contract):
    """Private modules of a package are imported by that package only."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = [
            (importer, imported)
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if _private(imported) and _package(importer) != _package(imported)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} reaches past the front door into {imported}")
