"""The catalogue: which books the library has, and how many copies are free. Much read, seldom changed."""

from app.catalog import api, covers, events, jobs, pages, sample
from app.kit.module import Module

MODULE = Module(
    name="catalog",
    about=__doc__,
    controllers=api.CONTROLLERS,
    hears=events.HEARS,
    jobs=jobs.JOBS,
    systems=[covers.open_library],
    pages=pages.render_all,
    seed=sample.seed,
)
