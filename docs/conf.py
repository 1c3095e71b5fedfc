"""The documentation's settings. Built with warnings as errors; examples in docstrings are run."""

from importlib.metadata import version as installed

project = "Weightmark"
author = "the Weightmark authors"
copyright = "the Weightmark authors"  # noqa: A001
release = installed("weightmark")
version = ".".join(release.split(".")[:2])

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "notes_style")]
doctest_test_doctest_blocks = ""  # docstrings are run by pytest; pages mark theirs with {doctest}
doctest_global_setup = "import os, tempfile; os.environ['WEIGHTMARK_HOME'] = tempfile.mkdtemp()"
suppress_warnings = ["ref.python"]  # one name in two modules: the face shows what a module defines

html_theme = "furo"
html_title = "Weightmark"
html_static_path = ["_static"]
html_copy_source = False
