"""Members, loans, and what lending keeps of a book."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lending_member",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lending_member"),
        sa.UniqueConstraint("email", name="uq_lending_member_email"),
    )
    op.create_table(
        "lending_book",
        sa.Column("id", KEY, autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("on_loan", sa.Integer(), nullable=False),
        sa.CheckConstraint("on_loan >= 0", name="ck_lending_book_on_loan"),
        sa.PrimaryKeyConstraint("id", name="pk_lending_book"),
    )
    op.create_table(
        "lending_loan",
        sa.Column("id", KEY, nullable=False),
        sa.Column("book_id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("borrowed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["book_id"], ["lending_book.id"], name="fk_lending_loan_book_id"),
        sa.ForeignKeyConstraint(["member_id"], ["lending_member.id"], name="fk_lending_loan_member_id"),
        sa.PrimaryKeyConstraint("id", name="pk_lending_loan"),
    )
    op.create_index("ix_lending_loan_book_id", "lending_loan", ["book_id"])
    op.create_index("ix_lending_loan_member_id_id", "lending_loan", ["member_id", "id"])


def downgrade() -> None:
    op.drop_table("lending_loan")
    op.drop_table("lending_book")
    op.drop_table("lending_member")
