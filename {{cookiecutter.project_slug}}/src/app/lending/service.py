"""What lending does: its writes, as units of work. Knows no HTTP and no cache."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit import facts
from app.kit.database import lock
from app.kit.errors import Conflict, NotFound
from app.lending import queries
from app.lending.events import LoanChanged
from app.lending.models import Book, Loan, Member
from app.lending.schemas import LoanView, MemberView, NewLoan, NewMember

LOAN_PERIOD = timedelta(days=28)


async def add_member(session: AsyncSession, new: NewMember) -> MemberView:
    """Add a member; raise Conflict where one has the address already, whatever its case."""
    email = new.email.lower()
    member = Member(name=new.name, email=email)
    session.add(member)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(f"Another member has the address {email}.") from None
    return MemberView(id=member.id, name=member.name, email=email)


async def borrow(session: AsyncSession, new: NewLoan, now: datetime | None = None) -> LoanView:
    """Lend a copy, at `now` (UTC) if that is given.

    Raises NotFound if there is no such book or member, Conflict if no copy is free.
    """
    if await session.scalar(select(Member.id).where(Member.id == new.member_id)) is None:
        raise NotFound("member", new.member_id)
    await lock(session, "book", new.book_id)
    # Checks and takes the copy in one statement: however many ask at once, the last one goes to exactly one.
    take = update(Book).where(Book.id == new.book_id, Book.on_loan < Book.copies).values(on_loan=Book.on_loan + 1)
    taken = (await session.execute(take.returning(Book.on_loan))).scalar_one_or_none()
    if taken is None:
        if await session.scalar(select(Book.id).where(Book.id == new.book_id)) is None:
            raise NotFound("book", new.book_id)
        raise Conflict(f"No copy of book {new.book_id} is free.")
    now = now or datetime.now(UTC)
    loan = Loan(book_id=new.book_id, member_id=new.member_id, borrowed_at=now, due_on=(now + LOAN_PERIOD).date())
    session.add(loan)
    await session.flush()
    await facts.state(session, LoanChanged(new.book_id, taken))
    return await _loan(session, loan.id)


async def give_back(session: AsyncSession, loan_id: int, now: datetime | None = None) -> LoanView:
    """Take a copy back, at `now` (UTC) if that is given; a loan that has ended stays as it is.

    Raises NotFound if there is no such loan.
    """
    now = now or datetime.now(UTC)
    end = update(Loan).where(Loan.id == loan_id, Loan.returned_at.is_(None)).values(returned_at=now)
    book_id = (await session.execute(end.returning(Loan.book_id))).scalar_one_or_none()
    if book_id is not None:
        await lock(session, "book", book_id)
        free = update(Book).where(Book.id == book_id).values(on_loan=Book.on_loan - 1).returning(Book.on_loan)
        on_loan = (await session.execute(free)).scalar_one()
        await facts.state(session, LoanChanged(book_id, on_loan))
    return await _loan(session, loan_id)


async def _loan(session: AsyncSession, loan_id: int) -> LoanView:
    row = (await session.execute(queries.ONE_LOAN, {"loan_id": loan_id})).first()
    if row is None:
        raise NotFound("loan", loan_id)
    return queries.LOAN.view(row)
