"""Sample data for the catalogue: invented books, the same ones every time."""

import random

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import service
from app.catalog.models import Book
from app.catalog.schemas import NewBook

BOOKS = 400
GIVEN_NAMES = (
    "Amara", "Benedikt", "Chiyo", "Dolores", "Edmund", "Farida", "Giulia", "Henrik", "Ingrid", "Jerome",
    "Katarina", "Lucien", "Mariana", "Nnamdi", "Odile", "Pavel", "Rosalind", "Søren", "Tomasz", "Yusuf",
)  # fmt: skip
FAMILY_NAMES = (
    "Abara", "Brandt", "Castellano", "Dvořák", "Eriksen", "Fontaine", "Grünwald", "Hashimoto", "Ivanova", "Jansen",
    "Kowalski", "Lindqvist", "Moreau", "Nakamura", "Okafor", "Pereira", "Rossi", "Sandoval", "Thornton", "Varga",
)  # fmt: skip
ADJECTIVES = (
    "Amber", "Broken", "Clockwork", "Distant", "Evening", "Forgotten", "Glass", "Hidden", "Idle", "Last",
    "Northern", "Quiet", "Salt", "Scarlet", "Second", "Silent", "Sleeping", "Unwritten", "Winter", "Yellow",
)  # fmt: skip
NOUNS = (
    "Almanac", "Bridge", "Cartographer", "Daughter", "Engine", "Forest", "Garden", "Harbour", "Island", "Lantern",
    "Letter", "Library", "Mountain", "Orchard", "River", "Sparrow", "Station", "Tide", "Voyage", "Witness",
)  # fmt: skip
PLACES = ("Antwerp", "Bergen", "Cádiz", "Dakar", "Kyoto", "Lisbon", "Quito", "Riga", "Tallinn", "Zanzibar")


async def seed(session: AsyncSession) -> bool:
    """Add the sample books to an empty catalogue; return whether it was empty."""
    if await session.scalar(select(Book.id).limit(1)) is not None:
        return False
    for book in books():
        await service.add_book(session, book)
    return True


def books() -> list[NewBook]:
    """Return the sample: some hundred different titles by some dozens of authors."""
    chance = random.Random("lending library")  # noqa: S311 - a sample, not a secret
    family_names = chance.sample(FAMILY_NAMES * 3, 60)
    authors = [f"{given} {family}" for given, family in zip(GIVEN_NAMES * 3, family_names, strict=True)]
    titles = [f"The {adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS]
    titles += [f"{noun}s of {place}" for noun in NOUNS if not noun.endswith("y") for place in PLACES]
    return [
        NewBook(
            title=title, author=chance.choice(authors), isbn=_isbn(number), copies=chance.choice((1, 1, 2, 2, 3, 5))
        )
        for number, title in enumerate(chance.sample(titles, BOOKS), start=1)
    ]


def _isbn(number: int) -> str:
    """Return the ISBN-13 of the `number`th sample book; the check digit is that of the ISBN Users' Manual, 7th ed."""
    digits = f"9780000{number:05d}"
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
