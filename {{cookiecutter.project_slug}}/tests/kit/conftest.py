"""Fixtures for the kit's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.jobsite import Site


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    """Yield a place to enqueue and work in; the test runs once on each database."""
    site = Site(database_url)
    yield site
    await site.database.close()
