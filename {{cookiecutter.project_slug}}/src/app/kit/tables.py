"""The tables of the kit itself, `kit_…`, which every process has beside those of its modules."""

from sqlalchemy.orm import DeclarativeBase

from app.kit.database import new_metadata


class Base(DeclarativeBase):
    """Collects the tables of the kit."""

    metadata = new_metadata()
