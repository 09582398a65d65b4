"""The building blocks of pages; everything else is in the package itself."""

from .data.access import Data
from .data.snapshot import Tables
from .log import tail as log_tail
from .web.components import alert, aria, content, loading, skip_link, status_line, stores
from .web.csv_export import to_csv
from .web.not_found import instead, not_found
from .web.operators import is_operator
from .web.tables import text_table
from .web.user_menu import user_menu
from .web.views import ViewError, add_views, per_snapshot, view

__all__ = [
    "Data",
    "Tables",
    "ViewError",
    "add_views",
    "alert",
    "aria",
    "content",
    "instead",
    "is_operator",
    "loading",
    "log_tail",
    "not_found",
    "per_snapshot",
    "skip_link",
    "status_line",
    "stores",
    "text_table",
    "to_csv",
    "user_menu",
    "view",
]
