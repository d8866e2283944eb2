"""Writes vocabulary_and_sets.json: 24 concept sets on a vocabulary with gaps, and what circe makes of them.

Needs duckcdm 0.4.7 (pip install duckcdm), a port of circe, which no test needs: run it only to write the file again.
"""

import json
import random
import sqlite3
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

from duckcdm.circe import build_concept_set_query

SEED = 13
CONCEPTS = 80
ABSENT = {7, 19, 23, 42, 66}
SETS = 24

Concept = Tuple[int, str, "str | None", "str | None"]


def vocabulary(rng: random.Random) -> Dict[str, List[Any]]:
    """A hierarchy of 80 ids, of which `concept` lacks five, with invalid concepts and mappings that ended."""
    concepts: List[Concept] = []
    parents: Dict[int, Set[int]] = {}
    for concept in range(1, CONCEPTS + 1):
        parents[concept] = set(rng.sample(range(1, concept), min(concept - 1, rng.choice([0, 1, 1, 2]))))
        if concept not in ABSENT:
            standard = rng.choice(["S", "S", "S", None, "C"])
            concepts.append((concept, f"Concept {concept}", standard, rng.choice([None, None, None, "D", "U"])))
    ancestors = []
    for concept in range(1, CONCEPTS + 1):
        levels = {concept: 0}
        queue = [concept]
        while queue:
            at = queue.pop(0)
            for parent in parents[at]:
                if parent not in levels:
                    levels[parent] = levels[at] + 1
                    queue.append(parent)
        ancestors += [(ancestor, concept, level) for ancestor, level in sorted(levels.items())]
    maps = []
    for source in range(1, CONCEPTS + 21):
        for target in rng.sample(range(1, CONCEPTS + 1), rng.choice([0, 1, 1, 2])):
            maps.append((source, target, rng.choice(["Maps to", "Maps to", "Is a"]), rng.choice([None, None, "D"])))
    return {"concept": concepts, "concept_ancestor": ancestors, "concept_relationship": sorted(set(maps), key=str)}


def concept_sets(rng: random.Random) -> List[List[Dict[str, Any]]]:
    """Sets of one to six items with every combination of flags; some name concepts that are absent."""
    found = []
    for _ in range(SETS):
        items = []
        for concept in rng.sample(range(1, CONCEPTS + 1), rng.randint(1, 6)):
            item: Dict[str, Any] = {"concept_id": concept}
            for flag, chance in (("include_descendants", 0.6), ("include_mapped", 0.4), ("exclude", 0.3)):
                if rng.random() < chance:
                    item[flag] = True
            items.append(item)
        found.append(items)
    return found


def members(database: sqlite3.Connection, items: List[Dict[str, Any]]) -> List[int]:
    """What circe's SQL finds."""
    expression = {
        "items": [
            {
                "concept": {"CONCEPT_ID": item["concept_id"]},
                "isExcluded": item.get("exclude", False),
                "includeDescendants": item.get("include_descendants", False),
                "includeMapped": item.get("include_mapped", False),
            }
            for item in items
        ]
    }
    sql = build_concept_set_query(expression).replace("@vocabulary_database_schema.", "")
    return sorted(row[0] for row in database.execute(sql))


def main() -> None:
    """Writes the file beside this one."""
    rng = random.Random(SEED)
    tables = vocabulary(rng)
    database = sqlite3.connect(":memory:")
    columns = {
        "concept": "concept_id, concept_name, standard_concept, invalid_reason",
        "concept_ancestor": "ancestor_concept_id, descendant_concept_id, min_levels_of_separation",
        "concept_relationship": "concept_id_1, concept_id_2, relationship_id, invalid_reason",
    }
    for table, rows in tables.items():
        database.execute(f"create table {table} ({columns[table]})")
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f"insert into {table} values ({marks})", rows)
    sets = [{"items": items, "members": members(database, items)} for items in concept_sets(rng)]
    path = Path(__file__).with_name("vocabulary_and_sets.json")
    parts = [f'"{name}": [\n{lines(rows)}\n]' for name, rows in [*tables.items(), ("sets", sets)]]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def lines(rows: List[Any]) -> str:
    """A row in a line."""
    return ",\n".join(json.dumps(row) for row in rows)


if __name__ == "__main__":
    main()
