"""Authors, books, and the words by which a book is found."""

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
        "catalog_author",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_author"),
        sa.UniqueConstraint("name", name="uq_catalog_author_name"),
    )
    op.create_table(
        "catalog_book",
        sa.Column("id", KEY, nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=True),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("on_loan", sa.Integer(), nullable=False),
        sa.CheckConstraint("copies >= 0", name="ck_catalog_book_copies"),
        sa.ForeignKeyConstraint(["author_id"], ["catalog_author.id"], name="fk_catalog_book_author_id"),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_book"),
        sa.UniqueConstraint("isbn", name="uq_catalog_book_isbn"),
    )
    op.create_index("ix_catalog_book_author_id_id", "catalog_book", ["author_id", "id"])
    op.create_table(
        "catalog_book_word",
        sa.Column("word", sa.String(length=50), nullable=False),
        sa.Column("book_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["catalog_book.id"], name="fk_catalog_book_word_book_id"),
        sa.PrimaryKeyConstraint("word", "book_id", name="pk_catalog_book_word"),
    )
    op.create_index("ix_catalog_book_word_book_id", "catalog_book_word", ["book_id"])


def downgrade() -> None:
    op.drop_table("catalog_book_word")
    op.drop_table("catalog_book")
    op.drop_table("catalog_author")
