"""All reads of lending: statements built once, rows straight to structs."""

from sqlalchemy import Integer, bindparam, select

from app.kit.database import AnyRow, Read
from app.lending.models import Book, Loan, Member
from app.lending.schemas import LoanedBook, LoanPage, LoanView

LOAN = select(Loan.id, Book.id, Book.title, Loan.member_id, Loan.borrowed_at, Loan.due_on, Loan.returned_at).join(
    Loan.book
)
ONE_LOAN = LOAN.where(Loan.id == bindparam("loan_id"))
LOANS_OF_MEMBER = (
    LOAN.where(Loan.member_id == bindparam("member_id"), Loan.id > bindparam("after"))
    .order_by(Loan.id)
    .limit(bindparam("limit", type_=Integer))
)
MEMBER = select(Member.id).where(Member.id == bindparam("member_id"))


async def loan_page(read: Read, member_id: int, *, limit: int, after: int = 0) -> LoanPage | None:
    """Return the `limit` loans of a member that follow the loan `after`, by id, with titles: one query.

    None if there is no such member, which takes a second query, and only where there are no loans.
    """
    rows = await read.all(LOANS_OF_MEMBER, {"member_id": member_id, "after": after, "limit": limit + 1})
    if not rows and await read.first(MEMBER, {"member_id": member_id}) is None:
        return None
    items = [view(row) for row in rows[:limit]]
    return LoanPage(items=items, next=items[-1].id if len(rows) > limit else None)


def view(row: AnyRow) -> LoanView:
    """Return the loan of a row of `LOAN`."""
    loan_id, book_id, title, member_id, borrowed_at, due_on, returned_at = row
    return LoanView(
        id=loan_id,
        book=LoanedBook(id=book_id, title=title),
        member_id=member_id,
        borrowed_at=borrowed_at,
        due_on=due_on,
        returned_at=returned_at,
    )
