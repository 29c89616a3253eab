"""Alembic's way in: which tables the migrations of this folder look after."""

from app.kit.carbon.deferral import CarbonDecision
from app.kit.jobs.table import HandledFact, QueuedJob
from app.kit.migrations import run_migrations
from app.kit.tables import Base

TABLES = (CarbonDecision, HandledFact, QueuedJob)

run_migrations(Base.metadata)
