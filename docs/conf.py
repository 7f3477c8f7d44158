"""Configuration of Sphinx. Building the documentation needs no network."""

import json
import os
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

sys.path.insert(0, str(Path(__file__).with_name("_ext")))

from inventories import intersphinx_mapping as make_intersphinx_mapping

project = "aia-ccdproc"
author = "the aia-ccdproc developers"
version = release = version_of("aia-ccdproc")

# numpydoc and automodapi come with sphinx-astropy.
extensions = [
    "mathml",
    "settings_reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_automodapi.automodapi",
    "sphinx_gallery.gen_gallery",
]
default_role = "obj"
intersphinx_mapping = make_intersphinx_mapping(Path(__file__).with_name("_build") / "inventories")
intersphinx_timeout = 3
exclude_patterns = ["_build", "changes/*", "examples/*"]
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_title = f"{project} {release}"
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 6,  # all sections of docs/index.rst; the others would be under "More"
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "search": [], "genindex": [], "py-modindex": []}  # pages outside of the sections

numpydoc_show_class_members = False
automodapi_toctreedirnm = "api"
automodapi_inheritance_diagram = False
# Annotations that are imported for type checking only stay the text they are.
autodoc_typehints = "signature"

# Pictures of a page that a few lines draw.
plot_include_source = plot_html_show_source_link = plot_html_show_formats = False
plot_formats = [("png", 130)]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_memory": False,
}
if data_folder := os.environ.get("AIA_CCDPROC_GALLERY_DATA"):  # make real-gallery
    sys.path.insert(0, str(Path(__file__).parent))
    from real_files import write_examples

    docs = Path(__file__).parent
    sphinx_gallery_conf["examples_dirs"] = str(write_examples(docs / "examples", docs / "_build/real", data_folder))


def add_unreleased_changes(app, docname, source):
    """Insert the changes that are not released yet into the changelog, as towncrier will write them."""
    if docname != "changes":
        return
    folder = Path(app.srcdir)
    for fragment in sorted((folder / "changes").glob("*.rst")):
        app.env.note_dependency(str(fragment))
    command = [sys.executable, "-m", "towncrier", "build", "--draft"]
    heading = ["--version", "In development", "--date", "not yet released"]
    draft = subprocess.run([*command, *heading], cwd=folder.parent, capture_output=True, text=True, check=True).stdout
    start = ".. towncrier release notes start\n"
    source[0] = source[0].replace(start, start + "\n" + draft)


class Notebook(Directive):
    """Show the cells of a notebook. Its texts are plain paragraphs, after a heading that the page has itself."""

    required_arguments = 1

    def run(self):
        """Make the paragraphs and the blocks of code."""
        environment = self.state.document.settings.env
        _, path = environment.relfn2path(self.arguments[0])
        environment.note_dependency(path)
        content = []
        for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
            text = "".join(line for line in cell["source"] if cell["cell_type"] == "code" or not line.startswith("# "))
            if cell["cell_type"] == "code":
                content.append(nodes.literal_block(text, text, language="python"))
            else:
                content.append(nodes.paragraph("", text))
        return content


def setup(app):
    """Connect the changelog to its fragments, and add the directive for notebooks."""
    app.connect("source-read", add_unreleased_changes)
    app.add_directive("notebook", Notebook)
