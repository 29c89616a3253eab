"""Alembic's way in: which tables the migrations of this folder look after."""

from app.kit.jobs.table import Base
from app.kit.migrations import run_migrations

run_migrations(Base.metadata)
