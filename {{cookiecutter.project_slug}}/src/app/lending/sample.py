"""Sample data for lending: invented members and loans, the same ones every time, dated back from today."""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.errors import Conflict
from app.lending import service
from app.lending.models import Book, Member
from app.lending.schemas import NewLoan, NewMember

LOANS = 160
GIVEN_NAMES = ("Ada", "Bruno", "Clara", "Daniel", "Esther", "Felix", "Greta", "Hugo", "Irene", "Jonas")
FAMILY_NAMES = ("Adler", "Byron", "Costa", "Duarte", "Engel")


async def seed(session: AsyncSession) -> bool:
    """Add the sample members and their loans where there is no member yet; return whether there was none."""
    if await session.scalar(select(Member.id).limit(1)) is not None:
        return False
    members = [
        await service.add_member(session, NewMember(name=f"{given} {family}", email=f"{given}.{family}@example.org"))
        for family in FAMILY_NAMES
        for given in GIVEN_NAMES
    ]
    books = (await session.scalars(select(Book.id).order_by(Book.id))).all()
    chance = random.Random("lending library")  # noqa: S311 - a sample, not a secret
    now = datetime.now(UTC)
    for days_ago in sorted((chance.randrange(1, 120) for _ in range(LOANS if books else 0)), reverse=True):
        borrowed_at = now - timedelta(days=days_ago, minutes=chance.randrange(600))
        wanted = NewLoan(book_id=chance.choice(books), member_id=chance.choice(members).id)
        try:
            loan = await service.borrow(session, wanted, borrowed_at)
        except Conflict:  # all copies are out: this member leaves with nothing
            continue
        if days_ago > chance.randrange(40):
            await service.give_back(session, loan.id, borrowed_at + timedelta(days=chance.randrange(days_ago)))
    return True
