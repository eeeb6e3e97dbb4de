"""Where data comes from: own series, packages on PyPI, and declared generators."""
