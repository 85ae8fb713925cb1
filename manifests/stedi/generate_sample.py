#!/usr/bin/env python3
"""Write the STEDI sample: small, invented landing data with known traps.

    python3 generate_sample.py        (re)writes data/ beside this script

The same seed gives the same bytes on every Python from 3.9 on, because the only
source of chance is `Random.random()`, whose sequence Python guarantees.
Nobody in it exists: names end in words like "Sample", mail goes to example.com
and telephone numbers are from the block reserved for fiction.

The traps, and what a careless pipeline would do with them:
  - customers who never consented (the share dates are absent), and some whose
    research date is 0, which is present and still no consent;
  - customers delivered twice: an inner join would double their readings;
  - consenting customers without one reading: trusted, but not curated, and the
    records of their step trainers are dropped with them;
  - readings of people who are no customers, and devices nobody registered;
  - readings from before the consent, which the trusted zone keeps;
  - moments that several people share, so joining on the time alone (the rule)
    gives more rows than joining on the time and the person;
  - step trainer records at moments without any accelerometer reading.
"""

import json
from pathlib import Path
from random import Random

SEED = 20240229
START = 1_700_000_000_000  # epoch milliseconds
SECOND = 1_000
SLOTS = 1_500  # the moments people draw from: few enough that some are shared
MOMENTS = 20  # per person

# (how many customers, their research date, do they use the app)
GROUPS = [
    (18, "consented", True),
    (4, "consented", False),
    (15, "absent", True),
    (3, "zero", True),
]
STRANGERS = 2
DELIVERED_TWICE = (0, 5, 11, 19, 24)  # consenting, silent and private ones

FIRST = ["Ada", "Bo", "Cleo", "Dara", "Eli", "Fay", "Gus", "Hana"]
LAST = ["Sample", "Example", "Tester", "Placeholder", "Mockup", "Specimen"]


def generate():
    """Return the sample as {path below data/: text}."""
    chance = Random(SEED)

    def draw(count):
        return int(chance.random() * count)

    customers, readings, steps = [], [], []
    people = [(consent, active) for count, consent, active in GROUPS for _ in range(count)]
    people += [("stranger", True)] * STRANGERS
    for index, (consent, active) in enumerate(people):
        name = f"{FIRST[index % len(FIRST)]} {LAST[index // len(FIRST)]}"
        email = name.replace(" ", ".") + "@example.com"
        serial = f"5ed10000-0000-4000-8000-{index:012x}"
        moments = sorted({START + draw(SLOTS) * SECOND for _ in range(MOMENTS)})

        if consent != "stranger":
            customers.append(customer(index, name, email, serial, consent, moments, draw))
        if active:
            for moment in moments:
                readings += accelerometer(email, moment, draw)
        for moment in moments:
            steps.append(step_trainer(serial, moment, draw))
        # One record at a moment that no accelerometer has.
        steps.append(step_trainer(serial, moments[0] + 1, draw))

    first, second = customers[:30], customers[30:]
    second += [customers[index] for index in DELIVERED_TWICE]
    files = {}
    for zone, parts in [
        ("customer", [first, second]),
        ("accelerometer", split(readings, 3)),
        ("step_trainer", split(steps, 2)),
    ]:
        for number, rows in enumerate(parts, start=1):
            text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
            files[f"{zone}/landing/{zone}-{number}.json"] = text
    return files


def customer(index, name, email, serial, consent, moments, draw):
    # Every other customer consents in the middle of the readings, not before them.
    updated = moments[len(moments) // 2] if index % 2 else START - draw(90) * 86_400 * SECOND
    row = {
        "customerName": name,
        "email": email,
        "phone": f"202555{100 + index:04d}",
        "birthDay": f"{1850 + draw(155)}-01-01",
        "serialNumber": serial,
        "registrationDate": updated - draw(1_000_000_000),
        "lastUpdateDate": updated,
    }
    if consent == "consented":
        row["shareWithResearchAsOfDate"] = updated
    if consent == "zero":
        row["shareWithResearchAsOfDate"] = 0
    if draw(2):
        row["shareWithPublicAsOfDate"] = updated
    if draw(2):
        row["shareWithFriendsAsOfDate"] = updated
    return row


def accelerometer(user, moment, draw):
    """One to four different readings of one moment."""
    start = draw(27)
    for number in range(1 + draw(4)):
        value = (start + 7 * number) % 27
        axes = {"x": value // 9 - 1.0, "y": value // 3 % 3 - 1.0, "z": value % 3 - 1.0}
        yield {"user": user, "timestamp": moment, **axes}


def step_trainer(serial, moment, draw):
    distance = 200 + draw(100)
    return {"sensorReadingTime": moment, "serialNumber": serial, "distanceFromObject": distance}


def split(rows, parts):
    size = -(-len(rows) // parts)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def main():
    data = Path(__file__).parent / "data"
    for path, text in generate().items():
        target = data / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("ascii"))


if __name__ == "__main__":
    main()
