"""What is wrong with a request."""

from collections.abc import Mapping


class RequestError(Exception):
    """A request that is refused.

    Attributes:
        status: of HTTP.
        message: what was wrong, for the client; without values of the request that name users.
        headers: of the answer.
    """

    def __init__(
        self, message: str, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})
