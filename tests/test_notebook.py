"""The notebook of the documentation is executed by a kernel."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from documents import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Execute the notebook, without a network, and return its cells of code."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name))
        patch.setenv("AIA_CCDPROC_PLUGINS", "")
        nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def data(cells: list[Any], code: str, kind: str) -> list[str]:
    """Return the outputs of a type of the cell that contains a piece of code."""
    [cell] = [cell for cell in cells if code in cell.source]
    return [output.data[kind] for output in cell.outputs if "data" in output and kind in output.data]


def test_the_notebook_is_stored_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")


@pytest.mark.process
def test_no_cell_prints_or_warns(executed: list[Any]) -> None:
    assert [output for cell in executed for output in cell.outputs if output.output_type in ("stream", "error")] == []


@pytest.mark.process
def test_quicklook_without_a_path_shows_the_picture(executed: list[Any]) -> None:
    [picture] = data(executed, "quicklook", "image/png")
    assert base64.b64decode(picture).startswith(b"\x89PNG")


@pytest.mark.process
def test_a_recipe_is_a_table_of_its_steps(executed: list[Any]) -> None:
    [table] = data(executed, "load_recipe", "text/html")
    assert table.count("<tr>") == 3
    assert data(executed, "load_recipe", "text/plain") == ["<Recipe level1.5: update_pointing -> register>"]


@pytest.mark.process
def test_a_batch_shows_one_progress_bar_and_a_table(executed: list[Any]) -> None:
    progress, results = data(executed, "results = ", "text/html")
    assert "3/3" in progress
    assert "1 failed" in progress
    assert results.count("<tr>") == 4
    assert "missing.fits: no such file" in results
    assert "<3 files: 2 done, 1 failed>" in data(executed, "results = ", "text/plain")
