"""Customers and prescriptions: personal data of people who do not exist.

Every address ends in `.example`, every telephone country code is +00, every person number has a
13th month: none can belong to anybody.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .draw import pick, stream, words

_FIRST = (
    "Ada",
    "Alma",
    "Anton",
    "Birte",
    "Carl",
    "Clara",
    "Dagny",
    "Edith",
    "Elias",
    "Ellen",
    "Emil",
    "Freja",
    "Gerda",
    "Harald",
    "Helga",
    "Ida",
    "Ivar",
    "Johan",
    "Karla",
    "Knud",
    "Lise",
    "Magnus",
    "Maren",
    "Nora",
    "Oskar",
    "Petra",
    "Rasmus",
    "Signe",
    "Sofus",
    "Thora",
    "Ulla",
    "Viggo",
)
_LAST = (
    "Ashdown",
    "Birkeby",
    "Brackenrig",
    "Carrow",
    "Dunlark",
    "Ellermoor",
    "Fernhaugh",
    "Gorsedal",
    "Heatherby",
    "Ingle",
    "Juniper",
    "Kettlewick",
    "Larksen",
    "Mossgaard",
    "Netherlund",
    "Oakrill",
    "Peatby",
    "Quern",
    "Rowanholt",
    "Sedge",
    "Tarnby",
    "Underbrae",
    "Vale",
    "Whinfell",
)
_STREETS = (
    "Bell Lane",
    "Canal Row",
    "Ferry Road",
    "Granary Street",
    "High Moor",
    "Kiln Close",
    "Lark Rise",
    "Quayside",
)
DRUGS = (  # invented: name, form, cold chain, relative frequency
    ("Larkostatin 20 mg", "tablet", False, 30),
    ("Moorivent 100 mcg", "inhaler", False, 16),
    ("Fellaprim 5 mg", "tablet", False, 22),
    ("Insulark 100 u/ml", "pen", True, 12),
    ("Peatozole 40 mg", "capsule", False, 14),
    ("Tarnimab 40 mg", "syringe", True, 4),
    ("Quernol 1 g", "tablet", False, 12),
)


def customers(seed: int, n: int = 50_000) -> pd.DataFrame:
    """Return customers 1 to `n`: name, e-mail, telephone, address, birth year, person number."""
    rng = stream(seed, "customers")
    first, last = rng.integers(0, len(_FIRST), n), rng.integers(0, len(_LAST), n)
    number, year = np.arange(1, n + 1), rng.integers(1932, 2008, n)
    street, house = rng.integers(0, len(_STREETS), n), rng.integers(1, 180, n)
    day, serial = rng.integers(1, 29, n), rng.integers(0, 10_000, n)
    phone = rng.integers(10_000_000, 100_000_000, n)
    rows = zip(first, last, number, year, street, house, day, serial, phone, strict=True)
    table = [_person(*row) for row in rows]
    names = ["customer", "name", "email", "phone", "address", "birth_year", "person_number"]
    return pd.DataFrame(table, columns=names)


def _person(
    first: int,
    last: int,
    number: int,
    year: int,
    street: int,
    house: int,
    day: int,
    serial: int,
    phone: int,
) -> tuple[int, str, str, str, str, int, str]:
    name, family = _FIRST[first], _LAST[last]
    email = f"{name}.{family}.{number}@post.example".lower()
    person = f"{day:02d}13{year % 100:02d}-{serial:04d}"
    return (
        number,
        f"{name} {family}",
        email,
        f"+00 {phone}",
        f"{_STREETS[street]} {house}",
        year,
        person,
    )


def prescriptions(parcels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one prescription for each parcel of the service `pharmacy`: drug, packs, cold chain.

    `cold_chain` is True where the drug must stay between 2 and 8 degrees Celsius.
    """
    rng = stream(seed, "prescriptions", len(parcels))
    carried = parcels.loc[parcels["service"] == "pharmacy", ["parcel", "customer"]].reset_index(
        drop=True
    )
    drug = pick(rng, [weight for *_, weight in DRUGS], len(carried))
    carried.insert(0, "prescription", 90_000_000 + rng.permutation(len(carried)))
    return carried.assign(
        drug=words([name for name, *_ in DRUGS], drug),
        form=words([form for _, form, *_ in DRUGS], drug),
        packs=rng.integers(1, 5, len(carried)),
        cold_chain=np.array([cold for *_, cold, _ in DRUGS])[drug],
    )
