"""What a caller can compute of withheld cells: the least and the largest number of each that agree with all that was shown.

Reads a table of tables.ts a line; needs `ortools`. The equations are those of rows, columns and the total of one table, so their matrix is totally
unimodular, and linear programming finds the integer ranges. A cell of fewer than k persons is computed
where its range is narrower than k - 2. Exits 1 if that is right more often than wrong.
"""

import json
import sys
from typing import Any, Dict, List, Optional, Tuple

from ortools.linear_solver import pywraplp

Range = Tuple[int, int]


def ranges(table: Dict[str, Any]) -> Optional[Dict[Tuple[int, int], Range]]:
    """The range of each withheld cell; None if no table agrees, because a number is that of nearly the same persons."""
    size, least = table["size"], table["least"]
    truth = table["truth"]
    questions: List[str] = table["questions"]
    # Beside margins that were shown before, larger cells are withheld too, to protect others.
    protects = any(name in ("rows", "columns", "total") for name in questions[: questions.index("table")])
    solver = pywraplp.Solver.CreateSolver("GLOP")
    places = [(r, c) for r in range(len(truth)) for c in range(len(truth[0]))]
    shown = {(at.get("row"), at.get("column")): at for at in table["shown"]}

    def most_withheld(row: int, column: int) -> int:
        """A protecting cell is the smallest that was to be shown of a row, a column, the table, or of all rows or columns but one."""
        seen = {place: at["persons"] for place, at in shown.items() if None not in place}
        parts = [
            [persons for (r, c), persons in seen.items() if (r in rows and c in columns)]
            for rows, columns in sums_with(row, column, len(truth), len(truth[0]))
        ]
        return size if any(not part for part in parts) else max(min(part) for part in parts) + least - 1

    cells = {(r, c): solver.NumVar(0, most_withheld(r, c) if protects else least - 1, "") for r, c in places}

    def known_beneath(row: Optional[int], column: Optional[int]) -> int:
        return sum(
            answer["persons"]
            for (r, c), answer in shown.items()
            if r is not None and c is not None and row in (None, r) and column in (None, c)
        )

    for (row, column), answer in shown.items():
        inside = [cell for (r, c), cell in cells.items() if row in (None, r) and column in (None, c)]
        if row is not None and column is not None:
            inside[0].SetBounds(0, size)
        # A margin near the sum of what is shown beneath may be just that sum, whatever is withheld. Where it is not, a number that is
        # marked as nearly that of an earlier answer is taken to be within `least` of the true one.
        if len(inside) > 1 and abs(answer["persons"] - known_beneath(row, column)) < least:
            continue
        slack = least - 1 if answer["derived"] else 0
        sum_of = solver.Constraint(answer["persons"] - slack, answer["persons"] + slack)
        for cell in inside:
            sum_of.SetCoefficient(cell, 1)
    found: Dict[Tuple[int, int], Range] = {}
    for place, cell in cells.items():
        if place in shown:
            continue
        limits = []
        for sign in (1, -1):
            solver.Minimize(sign * cell)
            if solver.Solve() != pywraplp.Solver.OPTIMAL:
                return None
            limits.append(sign * round(solver.Objective().Value()))
        found[place] = (abs(limits[0]), abs(limits[1]))
    return found


def sums_with(row: int, column: int, rows: int, columns: int) -> List[Tuple[List[int], List[int]]]:
    """The rows and columns of each sum that a caller may know and that includes a cell."""
    every_row, every_column = list(range(rows)), list(range(columns))
    without_row = [(([r for r in every_row if r != other]), every_column) for other in every_row if other != row]
    without_column = [(every_row, [c for c in every_column if c != other]) for other in every_column if other != column]
    return [([row], every_column), (every_row, [column]), (every_row, every_column), *without_row, *without_column]


def main() -> int:
    tables = contradictory = withheld = computed = mistaken = 0
    large = large_withheld = 0
    for line in sys.stdin:
        table = json.loads(line)
        tables += 1
        shown = {(at.get("row"), at.get("column")) for at in table["shown"]}
        for r, row in enumerate(table["truth"]):
            for c, persons in enumerate(row):
                large += persons >= table["least"]
                large_withheld += persons >= table["least"] and (r, c) not in shown
        found = ranges(table)
        if found is None:
            contradictory += 1
            continue
        for (r, c), (low, high) in found.items():
            persons = table["truth"][r][c]
            if persons >= table["k"]:
                continue
            withheld += 1
            if high - low >= table["k"] - 2:
                continue
            mistaken += not low <= persons <= high
            if low <= persons <= high:
                computed += 1
                print(f"table {tables}, {table['questions']}: row {r}, column {c} has {persons}; computed: {low} to {high}")
    print(
        f"{tables} tables, {contradictory} with numbers that do not agree; {withheld} cells below k, {computed} of them computed, {mistaken} "
        f"computed wrongly; {large_withheld} of {large} cells that are large enough are withheld"
    )
    return 1 if computed > mistaken else 0


if __name__ == "__main__":
    sys.exit(main())
