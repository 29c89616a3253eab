"""Alembic's way in: which tables the migrations of this folder look after."""

from app.kit.migrations import run_migrations
from app.lending.models import Base

run_migrations(Base.metadata)
