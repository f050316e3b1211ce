"""How the documents become a site: ``make docs`` (Sphinx, offline, warnings are errors)."""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "recsys"
version = release = installed("recsys")
copyright = "the authors of recsys"
html_show_copyright = False

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated_reference",
]
exclude_patterns = ["extensions"]

# Pages are Markdown, to be read on a code host as well.
myst_enable_extensions = ["attrs_block", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # generated pages begin below their page's heading

# Docstrings have single backticks around code, and sections as Google writes them.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "recsys"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
