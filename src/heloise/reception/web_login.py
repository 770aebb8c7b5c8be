"""Users that web services know: passwords checked by one of ours, tokens by an authorization server. RFC 7662.

Each question has a deadline, and so many run at once; what was answered is remembered for a while, under a digest that
nobody can turn back into the secret. No answer, or none that makes sense, is trouble and never a refusal.
"""

import asyncio
import hmac
import json
from base64 import b64encode
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from heloise.reception.users import Login, UsersUnavailable, read_addresses
from heloise.world import Clock, LinkError, World
from heloise.world.http import HttpAnswer, HttpRequest

_MOST_BODY = 65536  # octets of an answer
_MOST_REMEMBERED = 10_000
_SECRET = 32  # octets
_REFUSED = (401, 403, 404)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebService:
    """Where to ask, for how long, how many questions at once, and how long an answer holds. `headers` go along."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    concurrency: int = 20
    keep: float = 60.0


class PasswordService:
    """Knows users by their passwords.

    It is asked by a POST of JSON, {"user": ..., "password": ..., "client": ...}. 2yz lets the user in, and may tell
    his addresses: {"addresses": ["alice@example.org", "@alice.example"]}; 401, 403 and 404 do not.
    """

    def __init__(self, service: WebService, world: World) -> None:
        self._asking = _Asking(service, world)

    async def check(self, user: str, password: str, client: str | None) -> Login | None:
        """The user, if it is his password. Raises UsersUnavailable."""
        body = json.dumps({"user": user, "password": password, "client": client}).encode()
        answer = await self._asking.ask(body, "application/json", (user, password))
        if answer.status in _REFUSED:
            return None
        if not 200 <= answer.status < 300:
            raise UsersUnavailable(f"{self._asking.url} said {answer.status}")
        told = _object(answer, self._asking.url) if answer.body.strip() else {}
        addresses = told.get("addresses", [])
        if not isinstance(addresses, list) or not all(isinstance(each, str) for each in addresses):
            raise UsersUnavailable(f"{self._asking.url} told addresses that are no list of strings")
        try:
            return Login(name=user, addresses=read_addresses(addresses))
        except ValueError as error:
            raise UsersUnavailable(f"{self._asking.url}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a token has to say for itself: the claims that may name the user, the first that is there counts, and a
    scope it must have, if any."""

    claims: tuple[str, ...] = ("username", "email", "sub")
    scope: str | None = None


class TokenService:
    """Knows whose a token is, by introspection. RFC 7662 §2."""

    def __init__(self, service: WebService, rules: TokenRules, world: World) -> None:
        self._asking = _Asking(service, world)
        self._rules = rules
        self._clock = world.clock

    async def user_of(self, token: str) -> str | None:
        """The user whose token it is; None when it is no good. Raises UsersUnavailable."""
        body = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
        answer = await self._asking.ask(body, "application/x-www-form-urlencoded", (token,))
        if answer.status != 200:
            raise UsersUnavailable(f"{self._asking.url} said {answer.status}")
        told = _object(answer, self._asking.url)
        if told.get("active") is not True or not self._holds(told):
            return None
        named = [told[claim] for claim in self._rules.claims if isinstance(told.get(claim), str)]
        return named[0] if named else None

    def _holds(self, told: Mapping[str, Any]) -> bool:
        """Is it the right scope, and is it time? What was remembered may have expired meanwhile."""
        expires, begins, now = told.get("exp"), told.get("nbf"), self._clock.now()
        if isinstance(expires, int | float) and expires <= now:
            return False
        if isinstance(begins, int | float) and begins > now:
            return False
        scopes = told.get("scope")
        wanted = self._rules.scope
        return wanted is None or (isinstance(scopes, str) and wanted in scopes.split())


def basic(user: str, secret: str) -> str:
    """The header Authorization for who has a name and a secret there. RFC 6749 §2.3.1."""
    return "Basic " + b64encode(f"{quote(user, safe='')}:{quote(secret, safe='')}".encode()).decode()


def _object(answer: HttpAnswer, url: str) -> Mapping[str, Any]:
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise UsersUnavailable(f"{url} said something else than a JSON object")
    return told


class _Asking:
    """Questions on their way, and answers of late."""

    def __init__(self, service: WebService, world: World) -> None:
        self.url = service.url
        self._service = service
        self._http = world.http
        self._clock: Clock = world.clock
        self._secret = world.entropy.octets(_SECRET)
        self._turns = asyncio.Semaphore(service.concurrency)
        self._answers: OrderedDict[bytes, tuple[float, HttpAnswer]] = OrderedDict()

    async def ask(self, body: bytes, kind: str, about: tuple[str, ...]) -> HttpAnswer:
        """The answer, at most as old as it may be. Raises UsersUnavailable."""
        key = hmac.digest(self._secret, json.dumps(about).encode(), "sha256")
        until, known = self._answers.get(key, (0.0, None))
        if known is not None and self._clock.monotonic() < until:
            return known
        headers = {"User-Agent": "heloise", "Content-Type": kind, "Accept": "application/json"}
        request = HttpRequest(url=self.url, headers={**headers, **self._service.headers}, size=len(body))
        try:
            async with asyncio.timeout(self._service.timeout), self._turns:
                answer = await self._http.post(
                    request, _Once(body), timeout=self._service.timeout, most_body=_MOST_BODY
                )
        except TimeoutError:
            raise UsersUnavailable(f"{self.url}: no answer within {self._service.timeout:g} seconds") from None
        except LinkError as error:
            raise UsersUnavailable(f"{self.url}: {error}") from None
        if 200 <= answer.status < 300 and self._service.keep > 0:
            self._answers[key] = (self._clock.monotonic() + self._service.keep, answer)
            self._answers.move_to_end(key)
            if len(self._answers) > _MOST_REMEMBERED:
                self._answers.popitem(last=False)
        return answer


class _Once:
    """The body of a request, in one piece."""

    def __init__(self, octets: bytes) -> None:
        self._octets: bytes | None = octets

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        octets, self._octets = self._octets, None
        if octets is None:
            raise StopAsyncIteration
        return octets
