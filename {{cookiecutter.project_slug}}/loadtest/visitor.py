"""A visitor: sends requests under the names of their operations, to the address of the module that serves them."""

import json
import os
from collections.abc import Mapping
from typing import Any

from locust import FastHttpUser

BAD_REQUEST = 400
NOTHING: Mapping[str, str] = {}


class Answer:
    """What came back, or the failure to."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes, *, ok: bool) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.ok = ok

    def json(self) -> Any:
        """Return the body."""
        return json.loads(self.content)


class Visitor(FastHttpUser):
    """The base of a scenario's visitors."""

    abstract = True
    host = "http://by.module"  # Locust wants one; each request names its own
    addresses: Mapping[str, str] = json.loads(os.environ.get("LOADTEST_ADDRESSES", "{}"))
    """By module; `*` is every other one."""
    bearer: Mapping[str, str] = {"Authorization": f"Bearer {os.environ.get('API_TOKEN', '')}"}

    def call(  # noqa: PLR0913 - each says one thing of a request
        self,
        module: str,
        operation: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = NOTHING,
        expected: tuple[int, ...] = (),
        method: str = "GET",
    ) -> Answer:
        """Send a request to `module` and return its answer, which counts as `operation`.

        What `problem` names is a failure, except for the `expected` statuses.
        """
        address = self.addresses.get(module) or self.addresses["*"]
        with self.client.request(
            method,
            address + path,
            name=operation,
            headers=dict(headers),
            json=body,
            catch_response=True,
        ) as response:
            content = response.content or b""
            problem = self.problem(response.status_code, content) if response.status_code else str(response.error)
            if problem is None or response.status_code in expected:
                response.success()
            else:
                response.failure(problem)
            return Answer(response.status_code, response.headers or {}, content, ok=problem is None)

    def problem(self, status: int, content: bytes) -> str | None:  # noqa: ARG002 - other doors look into it
        """Return what is wrong with an answer, or None."""
        return str(status) if status >= BAD_REQUEST else None
