"""Compare what the preview finds in files with what DuckDB's sniffer finds.

Run it in a rendered project's environment, with duckdb installed there or in another one:

    python tools/compare_sniffers.py PROJECT FOLDER [--duckdb PYTHON] > table.md

Only CSV-like files are compared, compressed or not.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ENDINGS = {".csv", ".tsv", ".txt", ".dat", ".log", ".gz", ".zip", ".zst"}
DUCKDB = """
import duckdb, json, sys
db, out = duckdb.connect(), {}
db.execute("SET threads = 1")
for file in sys.argv[1:]:
    for options in ("", ", encoding = 'latin-1'"):
        try:
            query = f"SELECT * FROM sniff_csv(?{options})"
            found = db.execute(query, [file])
            row = dict(zip([it[0] for it in found.description], found.fetchone()))
        except Exception as error:
            out.setdefault(file, {"error": str(error).split("\\n")[0][:60]})
            continue
        columns = {it["name"]: it["type"] for it in row["Columns"]}
        comment = row["Comment"] if "empty" not in str(row["Comment"]) else ""
        form = row["TimestampFormat"] or row["DateFormat"] or ""
        out[file] = {
            "sep": row["Delimiter"], "header": row["HasHeader"], "skip": row["SkipRows"],
            "comment": comment, "columns": columns, "format": form, "told": options[2:],
        }
        break
print(json.dumps(out, default=str))
"""


def ours(project: Path, file: Path) -> dict[str, object]:
    """Return what the preview of a project finds in a file."""
    sys.path.insert(0, str(project))
    engine = next(it.parent.parent.name for it in project.glob("*/engine/sources"))
    files = __import__(f"{engine}.engine.sources.files", fromlist=["x"])
    probing = __import__(f"{engine}.engine.proposals.probe", fromlist=["x"])
    guessing = __import__(f"{engine}.engine.proposals.guess_times", fromlist=["x"])
    source = files.FileSource(path=str(file))
    found = probing.probe(files.parts(source)[0])
    raw = source.model_copy(update={"time": "", "series": "", **found.settings})
    if found.dialect.texts:
        raw.read["dtype"] = dict.fromkeys(found.dialect.texts, "str")
    data = files.raw(raw, 100_000)
    times = guessing.guess_times(data)
    read = found.dialect.read
    tabs = file.name.endswith(".tsv")
    return {
        "sep": read.get("sep", "\t" if tabs else ","),
        "header": "names" not in read,
        "skip": read.get("skiprows", 0),
        "comment": read.get("comment", ""),
        "columns": {it: str(kind) for it, kind in data.dtypes.items()},
        "time": " + ".join(times[0].columns or times[0].names[:2]) if times else "",
        "format": times[0].format or "ISO 8601" if times else "",
        "read": read,
    }


def shown(text: object) -> str:
    """Return a text for a cell of a table."""
    return str(text).replace("\t", "⇥").replace("|", "\\|").replace("\n", " ")[:60]


def times_of(found: dict[str, object]) -> str:
    """Return the columns that DuckDB takes for times."""
    columns = found["columns"]
    assert isinstance(columns, dict)
    return ", ".join(it for it, kind in columns.items() if str(kind).startswith(("DATE", "TIME")))


def main() -> None:
    """Print a table in Markdown, and totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--duckdb", default=sys.executable, help="a Python that has duckdb")
    args = parser.parse_args()
    files = [it for it in sorted(args.folder.iterdir()) if it.suffix in ENDINGS]
    command = [args.duckdb, "-c", DUCKDB, *map(str, files)]
    theirs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    kinds = ["sep", "header", "skip", "time", "format"]
    names = ["file", "ours: sep, header, skip", "time, format", "types"]
    names += ["DuckDB: sep, header, skip", "times, format", "types"]
    print(f"| {' | '.join(names)} |\n{'|---' * len(names)}|")
    same = dict.fromkeys(kinds[:3], 0)
    timed = {"ours": 0, "DuckDB": 0}
    failed = 0
    for file in files:
        mine, other = ours(args.project, file), theirs[str(file)]
        head = [
            f"{shown(mine['sep'])} {'header' if mine['header'] else 'no header'} {mine['skip']}"
            + f" {mine['comment']}",
            f"{shown(mine['time'])} {shown(mine['format'])}",
            shown(", ".join(dict.fromkeys(mine["columns"].values()))),
        ]
        timed["ours"] += bool(mine["time"]) and mine["format"] != "?"
        if "error" in other:
            failed += 1
            cells = [shown(other["error"]), "", ""]
        else:
            told = f" (told {other['told']})" if other["told"] else ""
            cells = [
                f"{shown(other['sep'])} {'header' if other['header'] else 'no header'}"
                f" {other['skip']} {other['comment']}{told}",
                f"{shown(times_of(other))} {shown(other['format'])}",
                shown(", ".join(dict.fromkeys(map(str, other["columns"].values())))),
            ]
            timed["DuckDB"] += bool(times_of(other))
            same["sep"] += mine["sep"] == other["sep"]
            same["header"] += mine["header"] == other["header"]
            same["skip"] += mine["skip"] == other["skip"]
        print(f"| {file.name} | " + " | ".join([*head, *cells]) + " |")
    print(f"\n{len(files)} files; DuckDB opens {len(files) - failed} of them.")
    print("The same: " + ", ".join(f"{name} {count}" for name, count in same.items()))
    print("A column of times found: " + ", ".join(f"{who} {it}" for who, it in timed.items()))


if __name__ == "__main__":
    main()
