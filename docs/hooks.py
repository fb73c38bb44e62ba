"""mkdocs hooks: files of the repository that pages link to become files of the site.

Pages link to `../benchmarks/results/x.json`, which works in the repository; in the site the file is under
`repository/`.
A link to a file that does not exist stays as it is, and `mkdocs build --strict` fails.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the linked files."""
    pages = [page.content_string for page in files.documentation_pages()]
    linked = {target for page in pages for target in LINK.findall(page) if (ROOT / target).is_file()}
    for target in sorted(linked):
        files.append(File.generated(config, f"repository/{target}", abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links at the added files."""
    return LINK.sub(lambda link: f"](repository/{link[1]}" if (ROOT / link[1]).is_file() else link[0], markdown)
