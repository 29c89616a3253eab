"""Reminders, and indexes for whom to remind and for a month's loans."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lending_reminder",
        sa.Column("loan_id", KEY, autoincrement=False, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["loan_id"], ["lending_loan.id"], name="fk_lending_reminder_loan_id"),
        sa.PrimaryKeyConstraint("loan_id", name="pk_lending_reminder"),
    )
    op.create_index("ix_lending_loan_due_on", "lending_loan", ["due_on"])
    op.create_index("ix_lending_loan_borrowed_at", "lending_loan", ["borrowed_at"])


def downgrade() -> None:
    op.drop_index("ix_lending_loan_borrowed_at", "lending_loan")
    op.drop_index("ix_lending_loan_due_on", "lending_loan")
    op.drop_table("lending_reminder")
