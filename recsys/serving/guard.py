"""What stands before every request: who may ask, how often, and how much may come."""

import asyncio
import hmac
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request

from recsys.serving.errors import RequestError
from recsys.serving.settings import LOOPBACK, ServingSettings

# A client that still sends is heard out up to this many bodies, so that it reads the refusal.
HEARD_OUT = 16


class Guard:
    """Refuses requests before anything of them is read.

    Args:
        settings: limits.
        token: that requests must bring; None: anyone may ask.
    """

    def __init__(self, settings: ServingSettings, token: bytes | None) -> None:
        from limits import parse
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        self._settings, self._token = settings, token
        self._rate = None if settings.rate is None else parse(settings.rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._is_local = token is None and settings.host in LOOPBACK

    @property
    def asks_for_token(self) -> bool:
        """Whether requests must bring one."""
        return self._token is not None

    def check(self, request: Request, is_open: bool) -> None:
        """Lets a request pass.

        Args:
            request: of which only the address and the headers are read.
            is_open: whether it may come without a token, such as for the empty page.

        Raises:
            RequestError: it may not pass.
        """
        if self._is_local and _host(request) not in LOOPBACK:
            # A page of the web whose name was made to mean this machine (DNS rebinding).
            raise RequestError("this server answers to localhost only", 403)
        if self._rate is not None:
            client = request.client.host if request.client else ""
            if not self._limiter.hit(self._rate, client):
                raise RequestError(
                    f"too many requests: at most {self._settings.rate} from one address",
                    429,
                    {"Retry-After": str(max(1, self._rate.get_expiry() // self._rate.amount))},
                )
        if self._token is not None and not is_open:
            self._check_token(request.headers.get("authorization", ""))

    def _check_token(self, header: str) -> None:
        kind, _, given = header.partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token or b"")
        if kind.lower() != "bearer" or not is_right:
            what = "the token is wrong" if header else "a token is needed"
            raise RequestError(
                f"{what}: send the header `Authorization: Bearer TOKEN`",
                401,
                {"WWW-Authenticate": "Bearer"},
            )

    async def read(self, request: Request) -> bytes:
        """The body of a request.

        Raises:
            RequestError: it is too large, comes too slowly, or is compressed.
        """
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RequestError("the body is compressed: send it as it is", 415)
        largest = self._settings.body_bytes
        body = bytearray()
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= largest:
                        body += chunk
                    elif size > HEARD_OUT * largest:
                        break
        except TimeoutError as error:
            raise RequestError(
                f"the body did not come within {self._settings.body_seconds:g} s", 408
            ) from error
        except ClientDisconnect as error:
            raise RequestError("the body ended early") from error
        if size > largest:
            raise RequestError(f"the body is larger than {largest:,} bytes", 413)
        return bytes(body)


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
