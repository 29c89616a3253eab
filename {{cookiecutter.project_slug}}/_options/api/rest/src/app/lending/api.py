"""Lending over REST: everything here needs the token, since who reads what is nobody else's business."""

from litestar import Controller, get, post
from litestar.params import JSONBody

from app.kit.errors import NotFound, problems
from app.kit.parameters import After, Chosen, Limit, PathId, Reads, Writes, fields_of
from app.kit.security import NEEDS_TOKEN
from app.lending import queries, service
from app.lending.schemas import LoanPage, LoanView, MemberPage, MemberView, NewLoan, NewMember


class Members(Controller):
    """Members and what they have borrowed."""

    path = "/members"
    tags = ("lending",)

    @get(
        dependencies={"chosen": fields_of(MemberView)},
        summary="List members",
        response_description="The page.",
        responses=problems(400, 401),
        **NEEDS_TOKEN,
    )
    async def list_members(self, read: Reads, chosen: Chosen, limit: Limit = 20, after: After = 0) -> MemberPage:
        """Return a page of members by id."""
        return await queries.member_page(read, chosen, limit=limit, after=after)

    @post(
        summary="Add a member",
        response_description="The member, with an id.",
        responses=problems(400, 401, 409),
        **NEEDS_TOKEN,
    )
    async def add_member(self, write: Writes, data: JSONBody[NewMember]) -> MemberView:
        """Add someone who may borrow."""
        return await write(service.add_member, data)

    @get(
        "/{member_id:int}/loans",
        dependencies={"chosen": fields_of(LoanView)},
        summary="List a member's loans",
        response_description="The page.",
        responses=problems(400, 401, 404),
        **NEEDS_TOKEN,
    )
    async def list_loans(
        self, read: Reads, member_id: PathId, chosen: Chosen, limit: Limit = 20, after: After = 0
    ) -> LoanPage:
        """Return a page of a member's loans by id, ended ones too, each with its book's title."""
        page = await queries.loan_page(read, member_id, chosen, limit=limit, after=after)
        if page is None:
            raise NotFound("member", member_id)
        return page


class Loans(Controller):
    """Borrow and return."""

    path = "/loans"
    tags = ("lending",)

    @post(
        summary="Borrow a book",
        response_description="The loan, with its id.",
        responses=problems(400, 401, 404, 409),
        **NEEDS_TOKEN,
    )
    async def borrow(self, write: Writes, data: JSONBody[NewLoan]) -> LoanView:
        """Lend a copy to a member; 409 when none is free."""
        return await write(service.borrow, data)

    @post(
        "/{loan_id:int}/return",
        summary="Return a book",
        response_description="The loan, ended.",
        status_code=200,
        responses=problems(400, 401, 404),
        **NEEDS_TOKEN,
    )
    async def give_back(self, write: Writes, loan_id: PathId) -> LoanView:
        """End a loan; doing it twice is the same as doing it once."""
        return await write(service.give_back, loan_id)


CONTROLLERS = [Members, Loans]
