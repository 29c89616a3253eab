"""Lending over GraphQL: everything here needs the token, since who reads what is nobody else's business."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, ClassVar

import strawberry
from strawberry import ID

from app.kit.graphql.connections import After, Connection, First, Page, bounds, number
from app.kit.graphql.controller import GraphqlPart
from app.kit.graphql.entities import ELSEWHERE, Entity
from app.kit.graphql.failures import Conflict, Invalid, NotFound, checked
from app.kit.graphql.resolving import Info, chosen, chosen_of_page
from app.lending import queries, schemas, service
from app.lending.schemas import LoanPage, LoanView, MemberView


@strawberry.federation.type(keys=[ELSEWHERE], description="What a loan says of its book.")
class LoanedBook:
    """As `schemas.LoanedBook`; where lending is a service of its own, its part of the catalogue's `Book`."""

    id: ID
    title: str = strawberry.federation.field(shareable=True)


@strawberry.type(description="A copy of a book in a member's hands, now or once.")
class Loan:
    """As `LoanView`."""

    id: ID
    book: LoanedBook
    member_id: ID
    borrowed_at: datetime
    due_on: date
    returned_at: datetime | None = strawberry.field(description="Null while the book is out.")


async def loans_of(
    member: strawberry.Parent[MemberView], info: Info, first: First = 20, after: After = None
) -> Page[LoanView]:
    """Return a page of a member's loans: one query for all members of a list."""
    limit, key = bounds(first, after)
    fields = chosen_of_page(info, LoanView)

    async def load(member_ids: list[int]) -> list[LoanPage]:
        return await queries.loan_pages(info.context.read, member_ids, fields, limit=limit, after=key)

    page = await info.context.loader((fields, limit, key), load).load(member.id)
    return Page(page.items, key, more=page.next is not None)


@strawberry.federation.type(keys=["id"], description="Someone who may borrow.")
class Member:
    """As `MemberView`."""

    id: ID
    name: str
    email: str
    loans: Connection[Loan] = strawberry.field(resolver=loans_of, description="What the member has borrowed, by id.")


@strawberry.input(description="Someone to add.")
class NewMember:
    """As `schemas.NewMember`."""

    name: str
    email: str


@strawberry.type(description="The member as it is now.")
class SavedMember:
    """What a mutation did."""

    member: MemberView = strawberry.field(graphql_type=Member)


@strawberry.type(description="The loan as it is now.")
class SavedLoan:
    """What a mutation did."""

    loan: LoanView = strawberry.field(graphql_type=Loan)


AddedMember = Annotated[SavedMember | Conflict | Invalid, strawberry.union("AddedMember")]
Borrowed = Annotated[SavedLoan | NotFound | Conflict, strawberry.union("Borrowed")]
Returned = Annotated[SavedLoan | NotFound, strawberry.union("Returned")]


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field(graphql_type=Connection[Member], description="Members by id.")
    async def members(self, info: Info, first: First = 20, after: After = None) -> Page[MemberView]:
        """Return a page of members."""
        limit, key = bounds(first, after)
        fields = chosen_of_page(info, MemberView, also="loans")
        page = await queries.member_page(info.context.read, fields, limit=limit, after=key)
        return Page(page.items, key, more=page.next is not None)

    @strawberry.field(graphql_type=Member | None, description="One member; null where there is none with this id.")
    async def member(self, info: Info, id: ID) -> MemberView | None:  # noqa: A002 - as clients call it
        """Return a member."""
        return await queries.member(info.context.read, number(id), chosen(info, MemberView, also="loans"))


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation(graphql_type=AddedMember, description="Add someone who may borrow.")
    async def add_member(self, info: Info, member: NewMember) -> SavedMember:
        """Add a member."""
        return SavedMember(member=await info.context.write(service.add_member, checked(member, schemas.NewMember)))

    @strawberry.mutation(graphql_type=Borrowed, description="Lend a copy to a member.")
    async def borrow(self, info: Info, book_id: ID, member_id: ID) -> SavedLoan:
        """Lend a copy."""
        wanted = schemas.NewLoan(book_id=number(book_id), member_id=number(member_id))
        return SavedLoan(loan=await info.context.write(service.borrow, wanted))

    @strawberry.mutation(graphql_type=Returned, description="End a loan; doing it twice is the same as doing it once.")
    async def give_back(self, info: Info, loan_id: ID) -> SavedLoan:
        """Take a copy back."""
        return SavedLoan(loan=await info.context.write(service.give_back, number(loan_id)))


class Lending(GraphqlPart):
    """What the schema has of lending."""

    query = Query
    mutation = Mutation
    entities: ClassVar = {Member: Entity(MemberView, queries.MEMBER)}
    stand_ins: ClassVar = {LoanedBook: "Book"}
    operations = Path(__file__).parent / "operations"


CONTROLLERS = [Lending]
