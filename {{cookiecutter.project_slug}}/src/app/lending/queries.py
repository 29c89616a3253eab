"""All reads of lending: statements built once, rows straight to structs."""

from functools import lru_cache

from sqlalchemy import Integer, bindparam, select

from app.kit.database import AnySelect, Read
from app.kit.fields import ALL, SELECTIONS, Fields, Source
from app.lending.models import Book, Loan, Member
from app.lending.schemas import LoanPage, LoanView

LOAN = Source(
    LoanView,
    {
        "id": Loan.id,
        "book.id": Loan.book_id,
        "book.title": Book.title,
        "member_id": Loan.member_id,
        "borrowed_at": Loan.borrowed_at,
        "due_on": Loan.due_on,
        "returned_at": Loan.returned_at,
    },
    joins={"book.title": Loan.book},
)
ONE_LOAN = LOAN.select(ALL).where(Loan.id == bindparam("loan_id"))
MEMBER = select(Member.id).where(Member.id == bindparam("member_id"))


async def loan_page(read: Read, member_id: int, fields: Fields = ALL, *, limit: int, after: int = 0) -> LoanPage | None:
    """Return `fields` of the `limit` loans of a member that follow the loan `after`, by id: one query.

    None if there is no such member, which takes a second query, and only where there are no loans.
    """
    rows = await read.all(_loans_of_member(fields), {"member_id": member_id, "after": after, "limit": limit + 1})
    if not rows and await read.first(MEMBER, {"member_id": member_id}) is None:
        return None
    return LoanPage(items=LOAN.views(rows[:limit], fields), next=rows[limit - 1].id if len(rows) > limit else None)


@lru_cache(SELECTIONS)
def _loans_of_member(fields: Fields) -> AnySelect:
    """Return the list statement of a selection; it walks an index from `after` on."""
    return (
        LOAN.select(fields, "id")
        .where(Loan.member_id == bindparam("member_id"), Loan.id > bindparam("after"))
        .order_by(Loan.id)
        .limit(bindparam("limit", type_=Integer))
    )
