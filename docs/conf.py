"""Configuration of Sphinx. Nothing is fetched while the documents are built."""

from importlib.metadata import version as version_of
from pathlib import Path

project = "aia-ccdproc"
author = "the aia-ccdproc developers"
version = release = version_of("aia-ccdproc")

# numpydoc and automodapi come with sphinx-astropy. Its intersphinx is left out: it needs a network.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_automodapi.automodapi",
    "sphinx_gallery.gen_gallery",
]
default_role = "obj"
exclude_patterns = ["_build", "changes/*", "examples/*"]
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_title = f"{project} {release}"
html_theme_options = {"navigation_with_keys": False, "show_prev_next": True}

numpydoc_show_class_members = False
automodapi_toctreedirnm = "api"
automodapi_inheritance_diagram = False
# Annotations that are imported for type checking only stay the text they are.
autodoc_typehints = "signature"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "download_all_examples": False,
    "show_memory": False,
}
KINDS = {"feature": "New", "bugfix": "Mended", "removal": "Removed", "doc": "Documents", "misc": "Other"}


def add_fragments(app, docname, source):
    """Put the fragments ``changes/<issue>.<kind>.rst`` on the page of changes, by kind."""
    if docname != "changes":
        return
    fragments = sorted((Path(app.srcdir) / "changes").glob("*.rst"), key=lambda path: int(path.name.split(".")[0]))
    for kind, title in KINDS.items():
        items = [path for path in fragments if path.name.split(".")[1] == kind]
        if items:
            source[0] += f"\n{title}\n{'-' * len(title)}\n\n"
        for path in items:
            app.env.note_dependency(str(path))
            text = path.read_text(encoding="utf-8").strip().replace("\n", "\n  ")
            source[0] += f"- {text} (#{path.name.split('.')[0]})\n"


def setup(app):
    """Connect the page of changes to its fragments."""
    app.connect("source-read", add_fragments)
