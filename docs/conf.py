"""Sphinx: ``sphinx-build -W -n docs docs/_build``.  Needs no network."""

from __future__ import annotations

import builtins
import os
import re
import sys
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.transforms.post_transforms import SphinxPostTransform

project = "trio-sip"
author = "The trio-sip contributors"
copyright = "2026, The trio-sip contributors"
html_title = "trio-sip"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinxcontrib_trio",
]
exclude_patterns = ["_build"]
default_role = "py:obj"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["trio-sip.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.strikethrough"]

# One argument a line, defaults as they are written, types linked.
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
autodoc_default_options = {"undoc-members": True}

# Inventories come from outside: only where somebody says that there is an outside.
if "DOCS_INTERSPHINX" in os.environ:
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "trio": ("https://trio.readthedocs.io/en/stable", None),
        "attrs": ("https://www.attrs.org/en/stable", None),
    }

# What other projects document.
FOREIGN = {
    "attrs", "collections", "contextlib", "contextvars", "datetime", "decimal", "enum", "hypothesis",
    "ipaddress", "logging", "math", "os", "pathlib", "random", "re", "ssl", "trio", "types", "typing",
}  # fmt: skip

# Bare names that two packages have, and what they mean outside of these.
SHARED = {"Flow": "trio_sip.transport.Flow"}

# What docstrings call an instance of.
INSTANCES = {"request": "IncomingRequest", "stack": "Stack", "work": "Work"}

SECTIONS = Config(napoleon_use_rtype=False, napoleon_custom_sections=[("Errors", "Raises")])


def _read_sections(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Args, Returns, Raises.  Not napoleon's own hook: that takes ``Word: more`` for a type."""
    # Any: autodoc hands over whatever it found.
    kind = "object" if what in {"attribute", "data", "property"} else what
    lines[:] = GoogleDocstring(list(lines), SECTIONS, app, kind, name, obj, options).lines()


class NameWhatIsMeant(SphinxPostTransform):
    """Give the full name to references that would find two."""

    default_priority = 5  # before Sphinx resolves references

    def run(self, **kwargs: Any) -> None:
        """Change the targets in place."""
        for node in self.document.findall(pending_xref):
            target = node.get("reftarget")
            if target in SHARED and node.get("py:module") != "trio_sip.transaction":
                node["reftarget"] = SHARED[target]


class LinkWhatIsDocumented(SphinxPostTransform):
    """Make links of names in pages of Markdown, which are plain code to everybody else."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Wrap each literal that is the name of something documented."""
        env = self.env
        if not str(env.doc2path(env.docname)).endswith(".md"):
            return
        documented = set(env.domains.python_domain.objects)
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            if not _PUBLIC_NAME.fullmatch(text) or _is_linked(literal):
                continue
            found = _candidates(SHARED.get(text, text), documented)
            if found:
                link = env.domains.python_domain.resolve_xref(
                    env,
                    env.docname,
                    self.app.builder,
                    "obj",
                    found[0],
                    pending_xref(),
                    literal.deepcopy(),
                )
                if link is not None:
                    literal.replace_self(link)


_PUBLIC_NAME = re.compile(r"(?:[A-Z]\w*[a-z]\w*|open_\w+)(?:\.\w+)?|trio_sip\.\w+")


def _is_linked(node: nodes.Node) -> bool:
    return isinstance(node.parent, nodes.title | nodes.reference | pending_xref)


def _public_home(target: str) -> str:
    """``trio_sip.stack._stack.Stack`` → ``trio_sip.stack.Stack``: where it is documented."""
    *packages, last = target.split(".")
    return ".".join([*(one for one in packages if not one.startswith("_")), last])


def _candidates(target: str, documented: set[str]) -> list[str]:
    head, dot, rest = target.partition(".")
    home = _public_home(INSTANCES.get(head, head) + dot + rest)
    if home in documented:
        return [home]
    tail = "." + home.removeprefix("trio_sip.")
    found = [name for name in sorted(documented) if name.endswith(tail)]
    return [name for name in found if name.count(".") == tail.count(".") + 1] or found


def _needs_no_link(target: str) -> bool:
    """Whether it is somebody else's, a type variable, or not public."""
    head, last = target.partition(".")[0], target.rpartition(".")[2]
    if head in FOREIGN or hasattr(builtins, head) or last in {"T", "D"} or last.endswith("T"):
        return True
    # Ours, and either not public or an alias that has no entry of its own.
    ours = [module for name, module in sys.modules.items() if name.startswith("trio_sip")]
    return "._" in target or any(hasattr(module, last) for module in ours)


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.Node | None:
    """Find what docstrings and annotations mean: names by themselves, private homes, neighbours."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"]).strip("().~")
    domain = env.domains.python_domain
    found = _candidates(target, set(domain.objects))
    if not found:
        return text if _needs_no_link(target) else None
    here = str(node.get("py:module"))
    name = next((one for one in found if one.startswith(f"{here}.")), found[0])
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, text)


def _hide_machinery(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    last = name.rpartition(".")[2]
    return True if last.startswith("__attrs") or last == "__match_args__" else None


def setup(app: Sphinx) -> None:
    """Resolve what plain Sphinx leaves open."""
    app.add_post_transform(NameWhatIsMeant)
    app.add_post_transform(LinkWhatIsDocumented)
    app.connect("missing-reference", _resolve)
    app.connect("autodoc-process-docstring", _read_sections)
    app.connect("autodoc-skip-member", _hide_machinery)
