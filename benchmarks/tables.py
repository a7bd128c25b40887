"""The results as Markdown."""

from benchmarks.measure import Row


def heading(machine: Row) -> str:
    """Return what stands above all tables: how to read them, and what they were made on."""
    return (
        "# Benchmarks\n\n"
        f"`python -m benchmarks` on {machine['system']} with {machine['cpus']} CPUs, Python {machine['python']}, "
        f"Caddy {machine['caddy']}: medians of repetitions in turn, their extremes in brackets. "
        "Only ratios within one run mean something."
    )


def table(name: str, found: Row) -> str:
    """Return a part's rows in columns, then its goals and notes."""
    if why := found.get("skipped") or found.get("failed"):
        return f"\n## {name}\n\n{'skipped' if 'skipped' in found else 'failed'}: {why}"
    goals = [
        f"* {'met' if goal['met'] else '**missed**'}: {goal['text']}: {goal['value']} "
        f"({'≥' if goal['at_least'] else '≤'} {goal['limit']})"
        for goal in found["goals"]
    ]
    return "\n".join(
        [
            f"\n## {name} ({found['seconds']} s)\n",
            *columns(found["rows"]),
            *([""] if goals or found["notes"] else []),
            *goals,
            *(f"* {note}" for note in found["notes"]),
        ]
    )


def columns(rows: list[Row]) -> list[str]:
    """Return the lines of a table in Markdown, each column as wide as what is in it."""
    titles = list(dict.fromkeys(title for row in rows for title in row))
    cells = [titles, *([_cell(row.get(title, "")) for title in titles] for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(titles))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in cells]
    return [lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]]


def _cell(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    high = f", p99 {value['p99']}" if "p99" in value else ""
    return f"{value['median']} ({value['min']} to {value['max']}{high})"
