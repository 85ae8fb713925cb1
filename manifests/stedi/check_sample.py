#!/usr/bin/env python3
"""Count what the eight tables must hold, in plain Python, from the landing files.

    python3 check_sample.py           the committed sample and expected.json agree
    python3 check_sample.py --write   write expected.json anew
    python3 check_sample.py DIR       print the counts of other data in DIR

This knows the rules of the tables and nothing of how the sample was made, and
shares no code with the Glue scripts: three ways to the same eight numbers.
"""

import json
import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True  # no __pycache__ among files that people copy

import generate_sample  # noqa: E402

HERE = Path(__file__).parent
DATA = HERE / "data"
EXPECTED = HERE / "expected.json"


def landing(data, zone):
    rows = []
    for path in sorted((data / zone / "landing").glob("*.json")):
        rows += [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    return rows


def count(data):
    """Return {table: rows} for the landing files below `data`."""
    customers = landing(data, "customer")
    readings = landing(data, "accelerometer")
    steps = landing(data, "step_trainer")

    trusted = [row for row in customers if row.get("shareWithResearchAsOfDate")]
    emails = {row["email"] for row in trusted}
    trusted_readings = [row for row in readings if row["user"] in emails]

    # Curated: one row for a customer, however often it was delivered.
    users = {row["user"] for row in trusted_readings}
    curated = {json.dumps(row): row["serialNumber"] for row in trusted if row["email"] in users}
    serials = set(curated.values())
    trusted_steps = [row for row in steps if row["serialNumber"] in serials]

    # A step record meets every reading of its moment, whoever's it is.
    at_moment = Counter(row["timestamp"] for row in trusted_readings)
    return {
        "customer_landing": len(customers),
        "accelerometer_landing": len(readings),
        "step_trainer_landing": len(steps),
        "customer_trusted": len(trusted),
        "accelerometer_trusted": len(trusted_readings),
        "customers_curated": len(curated),
        "step_trainer_trusted": len(trusted_steps),
        "machine_learning_curated": sum(at_moment[row["sensorReadingTime"]] for row in trusted_steps),
    }


def problems():
    """Say where the committed sample differs from what the seed and the rules give."""
    wanted = {path: text.encode("ascii") for path, text in generate_sample.generate().items()}
    there = {path.relative_to(DATA).as_posix(): path for path in DATA.rglob("*") if path.is_file()}
    for path in sorted(wanted.keys() | there.keys()):
        if path not in there:
            yield f"`data/{path}` is missing: run generate_sample.py"
        elif path not in wanted:
            yield f"`data/{path}` is not part of the sample: remove it"
        elif there[path].read_bytes() != wanted[path]:
            yield f"`data/{path}` is not what the seed gives: run generate_sample.py"
    counts, expected = count(DATA), json.loads(EXPECTED.read_text("utf-8"))
    for table in sorted(counts.keys() | expected.keys()):
        if counts.get(table) != expected.get(table):
            yield f"`{table}`: {counts.get(table)} rows counted, {expected.get(table)} expected"


def main(arguments):
    if arguments == ["--write"]:
        EXPECTED.write_text(json.dumps(count(DATA), indent=2) + "\n", "utf-8")
        return 0
    if arguments:
        print(json.dumps(count(Path(arguments[0])), indent=2))
        return 0
    found = list(problems())
    print("\n".join(found) or "the sample is what the seed gives, and its counts are as expected")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
