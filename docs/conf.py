"""Settings of the documentation's generator."""

import importlib.metadata

project = "commonwatt"
author = "the commonwatt developers"
release = importlib.metadata.version("commonwatt")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "commonwatt"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
exclude_patterns = ["_build"]
