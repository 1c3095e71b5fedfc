"""Sends an e-mail when something is refused, or a watch found something changed.

Settings come from the environment: ``WEIGHTMARK_SMTP_URL`` (``smtps://user:password@host:465`` for TLS,
``smtp://host:587`` for STARTTLS where the server offers it), ``WEIGHTMARK_EMAIL_FROM`` and
``WEIGHTMARK_EMAIL_TO`` (several joined by commas). A user and a password are never sent in the clear.

Not promised: delivery. A server that does not answer is given up after seconds and left alone for a minute;
the log says so.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import unquote, urlsplit

from weightmark.encoding import Json
from weightmark.errors import MalformedError, PlatformError
from weightmark.hookspecs import hookimpl
from weightmark.model.event import ModelEvent
from weightmark.ports import Observer
from weightmark_plugins.observers.news import Rest, details, headline, is_news

URL: Final = "WEIGHTMARK_SMTP_URL"
FROM: Final = "WEIGHTMARK_EMAIL_FROM"
TO: Final = "WEIGHTMARK_EMAIL_TO"
TIMEOUT_SECONDS: Final = 5.0
_PORTS: Final = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    host: str
    port: int
    is_tls: bool
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)


class EmailObserver(Observer):
    """One e-mail for each refusal and each change that a watch found; nothing else is sent."""

    name: ClassVar[str] = "email"

    def __init__(self) -> None:
        self._rest = Rest()

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        """Send the e-mail.

        Raises:
            MalformedError: a setting is missing or not what it should be.
            PlatformError: the server could not be reached, or refused.
        """
        if not is_news(event, outcome) or not self._rest.is_over:
            return
        settings = _read_settings(os.environ)
        subject = f"Weightmark: {headline(event, outcome)}"
        body = "\n".join([headline(event, outcome), "", *details(event, outcome), ""])
        with self._rest.trying():
            _send(settings, subject, body)


def _send(settings: _Settings, subject: str, body: str) -> None:
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid

    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        subject,
        settings.sender,
        ", ".join(settings.recipients),
    )
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="weightmark.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    context = ssl.create_default_context()
    where = f"{settings.host}:{settings.port}"
    try:
        if settings.is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
        with server:
            is_secret = settings.is_tls
            server.ehlo()
            if not is_secret and server.has_extn("starttls"):
                server.starttls(context=context)
                is_secret = True
            if settings.user:
                if not is_secret:
                    raise PlatformError(f"{where} offers no TLS, so no password is sent to it")
                server.login(settings.user, settings.password)
            server.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        # The server's words may repeat what it was sent, so only the kind of failure is told.
        raise PlatformError(f"no e-mail could be sent by {where}: {type(error).__name__}") from None


def _read_settings(environ: Mapping[str, str]) -> _Settings:
    """Read the settings; no message repeats the address, which holds the password.

    Raises:
        MalformedError: one is missing or not what it should be.
    """
    missing = [name for name in (URL, FROM, TO) if not environ.get(name)]
    if missing:
        raise MalformedError(f"no e-mail can be sent: {', '.join(missing)} is not set")
    try:
        parts = urlsplit(environ[URL])
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port, parts = 0, urlsplit("")
    if not port or not parts.hostname:
        raise MalformedError(f"{URL} must be smtp://HOST:PORT or smtps://USER:PASSWORD@HOST:PORT")
    sender, recipients = environ[FROM].strip(), tuple(part.strip() for part in environ[TO].split(","))
    for address in (sender, *recipients):
        if "@" not in address or not address.isprintable():
            raise MalformedError(f"{address[:80]!r} in {FROM} or {TO} is no e-mail address")
    return _Settings(
        host=parts.hostname,
        port=port,
        is_tls=parts.scheme == "smtps",
        sender=sender,
        recipients=recipients,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


@hookimpl
def weightmark_observers() -> list[type[Observer]]:
    """Offer the e-mail observer."""
    return [EmailObserver]
