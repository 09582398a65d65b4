"""A table as CSV that a spreadsheet can open without running anything in it."""

import pandas as pd

# With these a spreadsheet begins a formula (OWASP: CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that would be a formula is marked as text by a quote."""
    plain = table.rename(columns=_neutralize)
    for name, column in plain.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            plain[name] = column.astype(object).map(_neutralize, na_action="ignore")
        elif not pd.api.types.is_numeric_dtype(column):
            plain[name] = column.map(_neutralize, na_action="ignore")
    # The csv module quotes what its line terminator contains: a carriage return, too.
    return str(plain.to_csv(index=False, lineterminator="\r\n"))


def _neutralize(cell: object) -> object:
    """Mark a cell as text if a spreadsheet would take it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
