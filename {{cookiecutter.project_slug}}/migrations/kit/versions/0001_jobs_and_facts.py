"""Jobs that wait, run or died, and facts that were handled."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIVE = sa.text("died_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "kit_job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gathers", sa.Boolean(), nullable=False),
        sa.Column("unique_key", sa.String(length=200), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("start_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_kit_job"),
        sa.UniqueConstraint("unique_key", name="uq_kit_job_unique_key"),
    )
    for name, columns in {
        "next": ["rank", "due_at", "id"],
        "due": ["due_at"],
        "name": ["name", "due_at"],
        "subject": ["subject", "id"],
    }.items():
        op.create_index(f"ix_kit_job_{name}", "kit_job", columns, postgresql_where=LIVE, sqlite_where=LIVE)
    op.create_table(
        "kit_handled_fact",
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_kit_handled_fact"),
    )
    op.create_index("ix_kit_handled_fact_handled_at", "kit_handled_fact", ["handled_at"])


def downgrade() -> None:
    op.drop_table("kit_handled_fact")
    op.drop_table("kit_job")
