"""Lending: members, and which book each has borrowed until when. Seldom read, much written."""

from app.kit.module import Module
from app.lending import api, events, jobs, sample

MODULE = Module(
    name="lending",
    about=__doc__,
    controllers=api.CONTROLLERS,
    hears=events.HEARS,
    jobs=jobs.JOBS,
    seed=sample.seed,
)
