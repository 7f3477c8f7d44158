"""Make the metadata that package indexes show from README.md. An index cannot follow links within the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: A link or a picture whose target is a path in the repository.
_RELATIVE = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<path>(?!\w+:)[^)]+)\)")


class ReadmeHook(MetadataHookInterface):
    """Set the description and the URLs of the project.

    The setting ``repository`` in pyproject.toml is the URL of the repository, or empty as long as it has none.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme`` and ``urls``."""
        repository = self.config.get("repository", "")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute_links(text, repository)}
        if repository:
            changes = f"{repository}/blob/main/docs/changes.rst"
            metadata["urls"] = {"Source": repository, "Issues": f"{repository}/issues", "Changes": changes}


def absolute_links(text: str, repository: str) -> str:
    """Make links and pictures of a Markdown text absolute. Without a repository, keep only the text of the links."""

    def replace(match: re.Match[str]) -> str:
        if not repository:
            return "" if match["picture"] else match["text"]
        folder = "raw" if match["picture"] else "blob"
        return f"{match['picture']}[{match['text']}]({repository}/{folder}/main/{match['path']})"

    return re.sub(r"\n{3,}", "\n\n", _RELATIVE.sub(replace, text))
