"""Turns columns of names into categories of text, which take little memory."""

from collections.abc import Iterable
from datetime import datetime, time

import numpy as np
import pandas as pd


def as_text(value: object) -> str:
    """Return a value as people write it: 1.0 as "1", True as "true", a midnight as its day."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time() and not value.tzinfo:
        return value.date().isoformat()
    return str(value)


def as_texts(values: pd.Series, sort: bool = False) -> pd.Categorical:
    """Return values as a categorical of text, sorted by value if asked."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, found = values.cat.codes, values.cat.categories
    else:
        try:
            codes, found = pd.factorize(values, sort=sort)
        except TypeError:  # lists and objects of JSON cannot be compared
            codes, found = pd.factorize(values.map(as_text, na_action="ignore"), sort=sort)
    if isinstance(found.dtype, pd.StringDtype):
        return pd.Categorical.from_codes(codes, found)
    return label(map(as_text, found), codes)


def join(columns: pd.DataFrame, separator: str, sort: bool = False) -> pd.Categorical:
    """Return the texts of several columns, joined; missing where one of them is missing."""
    first, *others = (as_texts(columns[it], sort) for it in columns)
    for other in others:
        pairs = first.codes.astype("int64") * len(other.categories) + other.codes
        pairs[(first.codes < 0) | (other.codes < 0)] = -1
        found = np.sort(pd.unique(pairs[pairs >= 0]))
        codes = np.where(pairs < 0, -1, np.searchsorted(found, pairs))
        lefts, rights = np.divmod(found, max(len(other.categories), 1))
        both = zip(first.categories[lefts], other.categories[rights], strict=True)
        first = label(map(separator.join, both), codes)
    return first


def label(texts: Iterable[str], codes: np.typing.ArrayLike) -> pd.Categorical:
    """Return the text of each code as a categorical; -1 is missing, and texts may be equal."""
    texts = [*texts]
    unique = pd.Index([*dict.fromkeys(texts)], dtype=str)
    if len(unique) < len(texts):
        codes = pd.Categorical(texts, unique).take(codes, allow_fill=True).codes
    return pd.Categorical.from_codes(codes, unique)


def constant(text: str, count: int) -> pd.Categorical:
    """Return the same text several times."""
    return pd.Categorical.from_codes(np.zeros(count, "int8"), pd.Index([text], dtype=str))


def only_used(texts: pd.Series) -> pd.Series:
    """Return a categorical without unused categories, which pandas finds by sorting all rows."""
    count = len(texts.cat.categories)
    used = np.bincount(texts.cat.codes + 1, minlength=count + 1)[1:]
    return texts if used.all() else texts.cat.remove_unused_categories()
