"""Jobs: work that can wait, declared beside the code that needs it and written in the transaction that asks for it.

A job's function runs in a transaction that also takes the job off the table: its effect and its completion stand or
fall together, so however often a worker dies, the effect is there once. What the function does elsewhere (a call, a
file) may happen again. What takes long comes before its first statement: from there on SQLite lets nobody else write.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeAlias, get_args, get_origin

import msgspec
from cronsim import CronSim, CronSimError
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.jobs.inbox import NewJob, put

Work: TypeAlias = Callable[..., Awaitable[None]]

NOW = timedelta(0)
AT_ONCE = "jobs at once"
"""The place in a session's `info` that says whether jobs run in the transaction that asks for them."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How jobs of one name gather to run as one: until there are `most`, or the first has waited for `within`."""

    most: int
    within: timedelta


@dataclass(frozen=True, kw_only=True)
class Deferrable:
    """That a job may wait for a better time: it takes `duration` and must have ended at the next `finish_by`, UTC."""

    duration: timedelta
    finish_by: time

    def deadline(self, now: datetime) -> datetime:
        """Return when a job must have ended that may start from `now` on."""
        deadline = datetime.combine(now.date(), self.finish_by, UTC)
        while now + self.duration > deadline:
            deadline += timedelta(days=1)
        return deadline


@dataclass(frozen=True, kw_only=True)
class Job:
    """A declared job; `job` makes it."""

    name: str
    work: Work
    payload: type[msgspec.Struct]
    """What travels from `enqueue` to the work: its parameters after the session; of a batch, one item."""
    retries: int | None
    timeout: timedelta
    priority: int
    concurrency: int | None
    cron: str | None
    batch: Batch | None
    deferrable: Deferrable | None
    longest_retry: timedelta

    def encode(self, arguments: Sequence[object]) -> str:
        """Return the JSON of a payload; raise TypeError for arguments that the work doesn't take."""
        names = self.payload.__struct_fields__
        if len(arguments) > len(names):
            raise TypeError(f"{self.name} takes {len(names)} arguments, not {len(arguments)}.")
        try:
            given = msgspec.to_builtins(dict(zip(names, arguments, strict=False)))
            return msgspec.json.encode(msgspec.convert(given, self.payload)).decode()
        except msgspec.ValidationError as error:
            raise TypeError(f"{self.name} does not take {arguments!r}: {error}") from None

    def decode(self, payload: str) -> msgspec.Struct:
        """Return what `encode` was given; raise msgspec.DecodeError, of which ValidationError is one."""
        return msgspec.json.decode(payload, type=self.payload)

    async def run(self, session: AsyncSession, payloads: Sequence[msgspec.Struct]) -> None:
        """Do the work: of a batch for all of `payloads` at once, else for the one."""
        if self.batch is None:
            await self.work(session, **msgspec.structs.asdict(payloads[0]))
        else:
            await self.work(session, [getattr(payload, payload.__struct_fields__[0]) for payload in payloads])


def job(  # noqa: PLR0913 - each says one thing of a job, and has a default
    *,
    retries: int | None = 5,
    timeout: timedelta = timedelta(minutes=1),
    priority: int = 0,
    concurrency: int | None = None,
    cron: str | None = None,
    batch: Batch | None = None,
    deferrable: Deferrable | None = None,
    name: str | None = None,
    longest_retry: timedelta = timedelta(hours=1),
) -> Callable[[Work], Job]:
    """Return a decorator that makes a job of `async def work(session, …)`; a batch's work takes a list of its items.

    It fails for good after `retries` more attempts (None: never, and one success lets all of its name try again), each
    cut off after `timeout`, with waits that double up to `longest_retry`; of those that are due the highest `priority`
    starts first; at most `concurrency` run at a time, in all workers; `cron` starts it at the times it names, UTC. It
    is called as its work unless it has a `name`. Raises TypeError or ValueError where that doesn't fit the work.
    """

    def declare(work: Work) -> Job:
        called = name or getattr(work, "__name__", str(work))
        _session, *parameters = inspect.signature(work, eval_str=True).parameters.values()
        fields: list[Any] = []
        for parameter in parameters:
            kind = parameter.annotation
            if batch is not None:
                if get_origin(kind) is not list or len(parameters) > 1:
                    raise TypeError(f"{called} is batched: it takes the session and one list.")
                kind = get_args(kind)[0]
            has_default = parameter.default is not inspect.Parameter.empty
            fields.append((parameter.name, kind, parameter.default) if has_default else (parameter.name, kind))
        if cron is not None:
            if any(len(field) == 2 for field in fields):  # noqa: PLR2004 - a name and a type, and no default
                raise TypeError(f"{called} has a schedule: nobody is there to give it arguments.")
            try:
                CronSim(cron, datetime.now(UTC))
            except CronSimError as error:
                raise ValueError(f"{called} has a schedule that is none: {cron!r} ({error}).") from None
        return Job(
            name=called,
            work=work,
            payload=msgspec.defstruct(called, fields),
            retries=retries,
            timeout=timeout,
            priority=priority,
            concurrency=concurrency,
            cron=cron,
            batch=batch,
            deferrable=deferrable,
            longest_retry=longest_retry,
        )

    return declare


def by_name(jobs: Iterable[Job]) -> Mapping[str, Job]:
    """Return `jobs` by their names; raise ValueError where two have the same."""
    named: dict[str, Job] = {}
    for declared in jobs:
        if declared.name in named:
            raise ValueError(f"Two jobs have the name {declared.name}.")
        named[declared.name] = declared
    return named


async def enqueue(
    session: AsyncSession,
    wanted: Job,
    *arguments: object,
    delay: timedelta = NOW,
    unique: str | None = None,
    priority: int | None = None,
    subject: str | None = None,
) -> None:
    """Write a job that starts after this transaction, or never if that is rolled back; raise TypeError for a bad call.

    It starts no earlier than after `delay`. Where a job with the same `unique` key waits to be started, there is no
    second one. Those with the same `subject` start one by one, as written; in batches they need `concurrency=1`.
    """
    if subject is not None and wanted.batch is not None and wanted.concurrency != 1:
        raise TypeError(f"{wanted.name} is batched: its subjects keep their order only with concurrency=1.")
    payload = wanted.encode(arguments)
    if session.info.get(AT_ONCE):
        await wanted.run(session, [wanted.decode(payload)])
        return
    gathers = wanted.batch is not None and delay == NOW
    new = NewJob(
        name=wanted.name,
        payload=payload,
        rank=-(wanted.priority if priority is None else priority),
        due_at=datetime.now(UTC) + (wanted.batch.within if wanted.batch and gathers else delay),
        gathers=gathers,
        unique_key=unique and f"{wanted.name} {unique}",
        subject=subject,
    )
    await put(session, new)


async def enqueue_each(session: AsyncSession, wanted: Job, items: Iterable[tuple[object, str]]) -> None:
    """Write a job for each (argument, subject), as `enqueue` does, at the cost of one statement for all."""
    many, rank, now = wanted.batch is not None, -wanted.priority, datetime.now(UTC)
    new = [
        NewJob(name=wanted.name, payload=wanted.encode([one]), rank=rank, due_at=now, gathers=many, subject=subject)
        for one, subject in items
    ]
    if session.info.get(AT_ONCE):
        for one in new:
            await wanted.run(session, [wanted.decode(one.payload)])
    elif new:
        await put(session, *new)
