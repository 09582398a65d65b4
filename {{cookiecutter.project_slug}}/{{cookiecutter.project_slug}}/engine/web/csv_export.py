"""CSV that is safe to open in a spreadsheet."""

import pandas as pd

# Text that starts with one of these is a formula to a spreadsheet (OWASP: CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that would be a formula is prefixed with a quote."""
    plain = table.rename(columns=_neutralize)
    for name, column in plain.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            plain[name] = column.astype(object).map(_neutralize)
        elif not pd.api.types.is_numeric_dtype(column):
            plain[name] = column.map(_neutralize)
    # With this line terminator the csv module quotes carriage returns, too.
    return str(plain.to_csv(index=False, lineterminator="\r\n"))


def _neutralize(cell: object) -> object:
    """Mark a cell as text if a spreadsheet would read it as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
