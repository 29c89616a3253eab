"""Calls to other systems, made to a stand-in that is well, slow, wrong or dead."""

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from structlog.testing import capture_logs

from app.kit import logs
from app.kit.breaker import FAILURES, OPEN_SECONDS, Breaker, BreakerOpen
from app.kit.outgoing import BadAnswer, CallFailed, Limits, Refused, System, Unavailable
from tests.conftest import make_settings
from tests.standin import StandIn, standing_in

CALLERS = 50
IMPATIENT = Limits(connect_seconds=0.2, total_seconds=0.2)


class Greeting(msgspec.Struct):
    """What the stand-in answers while it is well."""

    text: str


HELLO = {"text": "hello"}


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds that it was set to."""
        return self.now


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """Yield a stand-in that is well."""
    async with standing_in() as standin:
        standin.be_well(HELLO)
        yield standin


@pytest.fixture
def clock() -> Clock:
    """Return what tells the breaker the time."""
    return Clock()


@asynccontextmanager
async def system(
    url: str, *, clock: Callable[[], float] = time.monotonic, limits: Limits | None = None, without: str = ""
) -> AsyncGenerator[System]:
    """Yield a system at `url`, called without this practice."""
    off = make_settings().practices_off | {without}
    system = System("the greeter", url, off=off, limits=limits, clock=clock)
    try:
        yield system
    finally:
        await system.close()


async def greet(system: System) -> Greeting:
    return await system.get("/hello", Greeting)


async def fail(system: System, times: int = FAILURES) -> None:
    """Call it so often in vain."""
    for _ in range(times):
        with pytest.raises(CallFailed):
            await greet(system)


async def test_an_answer_comes_as_its_type(standin: StandIn) -> None:
    async with system(standin.url) as greeter:
        assert await greeter.get("/hello", Greeting, {"name": "Ada & Bob"}) == Greeting("hello")
    assert standin.requests[0].path_qs == "/hello?name=Ada+%26+Bob"


async def test_a_system_that_nobody_calls_is_not_connected_to() -> None:
    async with system("http://127.0.0.1:1"):
        pass


async def test_what_fails_for_a_moment_is_tried_again(standin: StandIn) -> None:
    standin.be_wrong(503)
    logs.configure("info")
    async with system(standin.url) as greeter:
        with capture_logs() as lines:
            call = asyncio.create_task(greet(greeter))
            await until(lambda: standin.calls == 1)
            standin.be_well(HELLO)
            assert await call == Greeting("hello")
        assert lines == [], "what helped needs no line"
        assert (greeter.counts.calls, greeter.counts.failures, greeter.retries) == (1, 0, 1)
    assert standin.calls == 2


async def test_without_retries_the_first_failure_is_the_last(standin: StandIn) -> None:
    standin.be_wrong(503)
    async with system(standin.url, without="retry") as greeter:
        await fail(greeter, 1)
    assert standin.calls == 1


@pytest.mark.parametrize("status", [302, 400, 404, 429])
async def test_a_call_that_would_fail_again_is_not_repeated(standin: StandIn, status: int) -> None:
    standin.be_wrong(status, Location="/elsewhere")
    async with system(standin.url) as greeter:
        with pytest.raises(Unavailable if status == 429 else Refused, match=f"the greeter answered {status}"):
            await greet(greeter)
    assert standin.calls == 1


async def test_retries_are_no_more_than_a_share_of_the_calls(standin: StandIn) -> None:
    standin.be_wrong(503)
    async with system(standin.url, without="breaker") as greeter:
        for _ in range(30):
            await fail(greeter, 1)
        assert 1 <= greeter.retries <= 1 + 30 // 5
        assert standin.calls == 30 + greeter.retries


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"<html>", {}),
        (b"null", {}),
        (b'{"text": 3}', {}),
        (b'{"text": "\xff"}', {}),
        (b'{"text": "' + b"a" * 2_000_000 + b'"}', {}),
        (gzip.compress(b'{"text": "' + b"a" * 200_000_000 + b'"}'), {"Content-Encoding": "gzip"}),
    ],
    ids=["nothing", "a page", "null", "another type", "no text", "too much", "far too much, packed"],
)
async def test_an_answer_that_is_none_is_named_and_not_asked_for_again(
    standin: StandIn, body: bytes, headers: dict[str, str]
) -> None:
    standin.be_wrong(200, body, **headers)
    async with system(standin.url) as greeter:
        with pytest.raises(BadAnswer, match="the greeter answered"):
            await greet(greeter)
    assert standin.calls == 1


async def test_who_hangs_up_and_who_is_not_there_is_unavailable(standin: StandIn) -> None:
    standin.be_dead()
    for url in (standin.url, "http://127.0.0.1:1"):
        async with system(url) as greeter:
            with pytest.raises(Unavailable, match="the greeter can't be reached"):
                await greet(greeter)


async def test_who_answers_too_late_is_unavailable(standin: StandIn) -> None:
    standin.be_slow()
    async with system(standin.url, limits=IMPATIENT) as greeter:
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s"):
            await greet(greeter)


async def test_only_so_many_calls_are_under_way_and_the_others_wait_a_while(standin: StandIn) -> None:
    standin.be_slow()
    async with system(standin.url, limits=Limits(calls=3, wait_seconds=0.1)) as greeter:
        calls = [asyncio.create_task(greet(greeter)) for _ in range(CALLERS)]
        done, under_way = await asyncio.wait(calls, timeout=2)
        assert len(under_way) == 3
        errors = [call.exception() for call in done]
        assert all(isinstance(error, Unavailable) and "is busy: 3 calls" in str(error) for error in errors)
        assert greeter.state == "closed", "the system is not to blame for our own limit"
        standin.be_well(HELLO)
        assert await asyncio.gather(*under_way) == [Greeting("hello")] * 3
    assert standin.most_under_way == 3


async def test_a_system_that_failed_is_left_alone_then_probed_by_exactly_one_of_fifty(
    standin: StandIn, clock: Clock
) -> None:
    standin.be_wrong(500)
    async with system(standin.url, clock=clock, limits=Limits(calls=CALLERS)) as greeter:
        await fail(greeter)
        assert greeter.state == "open"
        asked = standin.calls
        clock.now += OPEN_SECONDS - 0.1
        await fail(greeter, CALLERS)
        assert standin.calls == asked, "an open breaker makes no call"

        clock.now += 0.1
        standin.be_slow()
        callers = [asyncio.create_task(greet(greeter)) for _ in range(CALLERS)]
        done, waiting = await asyncio.wait(callers, timeout=1)
        assert (len(done), len(waiting), standin.calls) == (CALLERS - 1, 1, asked + 1)
        assert all(isinstance(caller.exception(), Unavailable) for caller in done)
        standin.be_well(HELLO)
        assert await waiting.pop() == Greeting("hello")
        assert greeter.state == "closed"
        await asyncio.gather(*(greet(greeter) for _ in range(CALLERS)))
    assert standin.calls == asked + 1 + CALLERS


async def test_without_the_breaker_every_call_is_made(standin: StandIn) -> None:
    standin.be_wrong(429)
    async with system(standin.url, without="breaker") as greeter:
        await fail(greeter, FAILURES + 3)
    assert standin.calls == FAILURES + 3


@pytest.mark.parametrize("way", ["slow", "cancelled", "wrong", "dead"])
async def test_every_way_to_fail_opens_the_breaker_and_opens_it_again(standin: StandIn, clock: Clock, way: str) -> None:
    {"wrong": standin.be_wrong, "dead": standin.be_dead}.get(way, standin.be_slow)()

    async def call(greeter: System) -> None:
        asked = standin.calls
        task = asyncio.create_task(greet(greeter))
        if way == "cancelled":
            await until(lambda: standin.calls > asked)
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or isinstance(task.exception(), CallFailed)

    limits = Limits() if way == "cancelled" else IMPATIENT
    async with system(standin.url, clock=clock, limits=limits, without="retry") as greeter:
        for _ in range(FAILURES):
            await call(greeter)
        assert greeter.state == "open"
        asked = standin.calls
        clock.now += OPEN_SECONDS
        await call(greeter)
        assert (greeter.state, standin.calls) == ("open", asked + 1)


async def test_a_refusal_speaks_for_a_system_that_is_well(standin: StandIn) -> None:
    standin.be_wrong(404)
    async with system(standin.url) as greeter:
        await fail(greeter, FAILURES * 2)
        assert greeter.state == "closed"
    assert standin.calls == FAILURES * 2


async def test_a_call_from_before_says_nothing_about_now(standin: StandIn, clock: Clock) -> None:
    async with system(standin.url, clock=clock) as greeter:
        standin.be_slow()
        early = asyncio.create_task(greet(greeter))
        await until(lambda: standin.calls == 1)
        failing = [asyncio.create_task(greet(greeter)) for _ in range(FAILURES)]
        await until(lambda: standin.calls == 1 + FAILURES)
        for call in failing:
            call.cancel()
        await asyncio.wait(failing)
        assert greeter.state == "open"
        standin.be_well(HELLO)
        await early
        assert greeter.state == "open"


def fail_one(breaker: Breaker) -> None:
    with pytest.raises(LookupError), breaker.guard():
        raise LookupError


def test_only_failures_in_a_row_open_the_breaker(clock: Clock) -> None:
    breaker = Breaker("it", clock)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            fail_one(breaker)
        with breaker.guard():
            pass
    assert breaker.state == "closed"


@pytest.mark.parametrize("succeeds", [True, False])
def test_while_one_probes_a_call_from_before_decides_nothing(clock: Clock, succeeds: bool) -> None:
    breaker = Breaker("it", clock)
    early, probe = breaker.guard(), breaker.guard()
    early.__enter__()
    for _ in range(FAILURES):
        fail_one(breaker)
    clock.now += OPEN_SECONDS
    with probe:
        if succeeds:
            early.__exit__(None, None, None)
        else:
            assert not early.__exit__(LookupError, LookupError(), None)
        assert breaker.state == "half-open"
        with pytest.raises(BreakerOpen), breaker.guard():
            pass
    assert breaker.state == "closed"


async def test_each_change_of_state_is_one_line_in_the_log(standin: StandIn, clock: Clock) -> None:
    standin.be_wrong()
    async with system(standin.url, clock=clock) as greeter:
        logs.configure("info")
        with capture_logs() as lines:
            await fail(greeter, FAILURES * 2)
            clock.now += OPEN_SECONDS
            standin.be_well(HELLO)
            await asyncio.gather(*(greet(greeter) for _ in range(5)), return_exceptions=True)
    states = [line["state"] for line in lines if line["event"] == "breaker"]
    assert states == ["open", "half-open", "closed"]
    assert all(line["system"] == "the greeter" for line in lines)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110 - what is waited for happens in a server
            await asyncio.sleep(0.005)
