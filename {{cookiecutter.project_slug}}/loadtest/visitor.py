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

    def call(
        self,
        module: str,
        operation: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = NOTHING,
        expected: tuple[int, ...] = (),
    ) -> Answer:
        """Send a request to `module` and return its answer, which counts as `operation`.

        The method is what the operation's name begins with, else POST for what has a body. A status of 400 and more
        is a failure, except for the `expected` ones; so is what `fault` finds.
        """
        address = self.addresses.get(module) or self.addresses["*"]
        method, _, named = operation.partition(" ")
        with self.client.request(
            method if named else "POST" if body else "GET",
            address + path,
            name=operation,
            headers=dict(headers),
            json=body,
            catch_response=True,
        ) as response:
            content = response.content or b""
            ok = 0 < response.status_code < BAD_REQUEST
            if not ok and response.status_code not in expected:
                response.failure(f"{response.status_code or response.error}")
            elif fault := self.fault(content):
                response.failure(fault)
            else:
                response.success()
            return Answer(response.status_code, response.headers or {}, content, ok=ok)

    def fault(self, content: bytes) -> str:  # noqa: ARG002 - other doors look into it
        """Return what is wrong with an answer whose status says that it is right; empty for nothing."""
        return ""
