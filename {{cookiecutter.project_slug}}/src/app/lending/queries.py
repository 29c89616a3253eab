"""All reads of lending: statements built once, rows straight to structs."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Integer, bindparam, func, select

from app.kit.database import AnySelect, Read
from app.kit.fields import ALL, SELECTIONS, Fields, Source
from app.lending.models import Book, Loan, Member
from app.lending.schemas import LoanPage, LoanView, MemberPage, MemberView

MEMBER = Source(MemberView, {"id": Member.id, "name": Member.name, "email": Member.email}, joins={})
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
MEMBER_ID = select(Member.id).where(Member.id == bindparam("member_id"))


async def member(read: Read, member_id: int, fields: Fields = ALL) -> MemberView | None:
    """Return `fields` of a member, or None: one query."""
    row = await read.first(_one_member(fields), {"member_id": member_id})
    return row and MEMBER.view(row, fields)


async def member_page(read: Read, fields: Fields = ALL, *, limit: int, after: int = 0) -> MemberPage:
    """Return `fields` of the `limit` members that follow the member `after`, by id: one query."""
    rows = await read.all(_members(fields), {"after": after, "limit": limit + 1})
    return MemberPage(items=MEMBER.views(rows[:limit], fields), next=rows[limit - 1].id if len(rows) > limit else None)


async def loan_page(read: Read, member_id: int, fields: Fields = ALL, *, limit: int, after: int = 0) -> LoanPage | None:
    """Return `fields` of the `limit` loans of a member that follow the loan `after`, by id: one query.

    None if there is no such member, which takes a second query, and only where there are no loans.
    """
    (page,) = await loan_pages(read, [member_id], fields, limit=limit, after=after)
    if not page.items and await read.first(MEMBER_ID, {"member_id": member_id}) is None:
        return None
    return page


async def loan_pages(
    read: Read, member_ids: Sequence[int], fields: Fields = ALL, *, limit: int, after: int = 0
) -> list[LoanPage]:
    """Return what `loan_page` does, for each of `member_ids`: one query for all; without loans a page is empty."""
    if len(member_ids) == 1:  # walks the index no further than the page goes
        given = {"member_id": member_ids[0], "after": after, "limit": limit + 1}
        rows = await read.all(_loans_of_member(fields), given)
        return [LoanPage(items=LOAN.views(rows[:limit], fields), next=rows[limit - 1].id if rows[limit:] else None)]
    rows = await read.all(_loans_of_members(fields), {"members": member_ids, "after": after, "most": limit + 1})
    views: dict[int, list[LoanView]] = {member_id: [] for member_id in member_ids}
    ids: dict[int, list[int]] = {member_id: [] for member_id in member_ids}
    for row, view in zip(rows, LOAN.views(rows, fields), strict=True):
        views[row.member_id].append(view)
        ids[row.member_id].append(row.id)
    return [
        LoanPage(items=views[key][:limit], next=ids[key][limit - 1] if len(ids[key]) > limit else None)
        for key in member_ids
    ]


@lru_cache(SELECTIONS)
def _one_member(fields: Fields) -> AnySelect:
    return MEMBER.select(fields).where(Member.id == bindparam("member_id"))


@lru_cache(SELECTIONS)
def _members(fields: Fields) -> AnySelect:
    """Return the list statement of a selection; it walks an index from `after` on."""
    statement = MEMBER.select(fields, "id").where(Member.id > bindparam("after")).order_by(Member.id)
    return statement.limit(bindparam("limit", type_=Integer))


@lru_cache(SELECTIONS)
def _loans_of_member(fields: Fields) -> AnySelect:
    """Return the list statement of a selection; it walks an index from `after` on."""
    return (
        LOAN.select(fields, "id")
        .where(Loan.member_id == bindparam("member_id"), Loan.id > bindparam("after"))
        .order_by(Loan.id)
        .limit(bindparam("limit", type_=Integer))
    )


@lru_cache(SELECTIONS)
def _loans_of_members(fields: Fields) -> AnySelect:
    """Return the statement of a selection for a page of each member's loans."""
    position = func.row_number().over(partition_by=Loan.member_id, order_by=Loan.id).label("position")
    loans = (
        LOAN.select(fields, "id", "member_id")
        .add_columns(position)
        .where(Loan.member_id.in_(bindparam("members", expanding=True)), Loan.id > bindparam("after"))
        .subquery()
    )
    return select(loans).where(loans.c.position <= bindparam("most")).order_by(loans.c.member_id, loans.c.id)
