"""When deferrable jobs start, and why."""

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
        "kit_carbon_decision",
        sa.Column("id", KEY, nullable=False),
        sa.Column("job", sa.String(length=100), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finish_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("rung", sa.String(length=10), nullable=False),
        sa.Column("zone", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("signal", sa.String(length=10), nullable=False),
        sa.Column("planned", sa.Double(), nullable=True),
        sa.Column("at_once", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_kit_carbon_decision"),
    )


def downgrade() -> None:
    op.drop_table("kit_carbon_decision")
