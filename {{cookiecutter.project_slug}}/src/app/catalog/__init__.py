"""The catalogue: which books the library has, and how many copies are free. Much read, seldom changed."""

from app.catalog import api, events, jobs, sample
from app.kit.module import Module

MODULE = Module(
    name="catalog",
    about=__doc__,
    controllers=api.CONTROLLERS,
    hears=events.HEARS,
    jobs=jobs.JOBS,
    seed=sample.seed,
)
