"""Messages about columns that a table lacks, or has too many of."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

ROOM, LONGEST = 120, 40  # characters: of a list of names, and of a name


def missing(names: Sequence[str], there: Sequence[object], free: Sequence[object], to: str) -> str:
    """Return which columns are missing, which there are, and what to change in `to`.

    `free` are those that the table does not need: one of them may be the missing one.
    """
    likely = [f"{_cut(found)!r} to {it!r}" for it in names if (found := _likely(it, names, free))]
    them, are = ("it", "is") if len(names) == 1 else ("them", "are")
    remedy = f"rename {_and(likely)}" if likely else f"add or rename {them}"
    has = f"; there {_plural(there)} {listed(there)}" if len(there) else ""
    return f"{_columns(names)} {are} missing{has}: {remedy} in {to}"


def undeclared(names: Sequence[object]) -> str:
    """Return which columns are not declared, and what to do."""
    it, is_ = ("it", "is") if len(names) == 1 else ("them", "are")
    return f"{_columns(names)} {is_} not declared: drop {it}, or add {it} to TABLES"


def listed(names: Sequence[object], quoted: Callable[[str], str] = repr, room: int = ROOM) -> str:
    """List names, and say how many more there are if they do not fit on a line."""
    shown: list[str] = []
    for name in names:
        text = quoted(_cut(name))
        if shown and sum(map(len, shown)) + len(text) > room:
            return f"{', '.join(shown)} and {len(names) - len(shown):,} more"
        shown.append(text)
    return _and(shown)


def similar(name: str, free: Iterable[object]) -> object:
    """Return the column whose name is most like another, or None."""
    known: dict[str, object] = {}
    for it in free:
        known.setdefault(str(it).casefold(), it)
    found = get_close_matches(name.casefold(), known, 1, cutoff=0.7)
    return known[found[0]] if found else None


def _likely(name: str, names: Sequence[str], free: Sequence[object]) -> object:
    """Return the column that is probably meant, or None."""
    if len(names) == len(free) == 1:
        return free[0]
    return similar(name, free)


def _columns(names: Sequence[object]) -> str:
    return f"the column{'s' * (len(names) != 1)} {listed(names)}"


def _plural(names: Sequence[object]) -> str:
    return "is" if len(names) == 1 else "are"


def _cut(name: object) -> str:
    text = str(name)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _and(texts: Iterable[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
