"""Observers that send: what they send, how they prove it, and that they hold up nobody."""

import base64
import hashlib
import hmac
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from weightmark import EventKind, ModelEvent
from weightmark.discovery import Plugins
from weightmark.encoding import Json
from weightmark.errors import MalformedError, PlatformError
from weightmark.workspace import Configuration, Workspace
from weightmark_plugins.observers.email import EmailObserver
from weightmark_plugins.observers.webhook import ATTEMPTS, WebhookObserver

REFUSED: dict[str, Json] = {
    "allowed": False,
    "code": "non-commercial",
    "reasons": [
        {"message": "'base' permits no commercial use.", "clause": "section 2", "hint": "Ask openlab."}
    ],
}
SECRET = "whsec_" + base64.b64encode(b"a secret of the two of us").decode()


def refusal(**more: str) -> ModelEvent:
    said = {"kind": EventKind.PROMOTE, "uri": "models:/churn/3", "name": "churn", "version": "3"}
    return ModelEvent(**{**said, **more})  # type: ignore[arg-type]


FOUND = ModelEvent(
    kind=EventKind.DEPLOY,
    uri="models:/churn/3",
    context={"watch": "changed", "was": "changed", "now": "whole"},
)


class Mailbox:
    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.tls: list[bool] = []

    async def handle_DATA(self, _server: object, session: object, envelope: object) -> str:  # noqa: N802
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[attr-defined]
        self.recipients.append(list(envelope.rcpt_tos))  # type: ignore[attr-defined]
        self.tls.append(session.ssl is not None)  # type: ignore[attr-defined]
        return "250 taken"

    def login(self, *args: object) -> AuthResult:
        given = args[-1]
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"p@ss")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(box: Mailbox, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=tls,
        authenticator=box.login,
        auth_require_tls=tls is not None,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that this process trusts."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    import ipaddress

    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return context


def email_to(monkeypatch: pytest.MonkeyPatch, url: str) -> EmailObserver:
    monkeypatch.setenv("WEIGHTMARK_SMTP_URL", url)
    monkeypatch.setenv("WEIGHTMARK_EMAIL_FROM", "Weightmark <gate@acme.example>")
    monkeypatch.setenv("WEIGHTMARK_EMAIL_TO", "one@acme.example, two@acme.example")
    return EmailObserver()


def test_a_refusal_is_mailed(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(box := Mailbox()) as port:
        observer = email_to(monkeypatch, f"smtp://127.0.0.1:{port}")
        observer.notice(refusal(actor="alice"), REFUSED)
        observer.notice(FOUND, {"allowed": True, "code": "whole"})
        observer.notice(refusal(), {"allowed": True, "code": "owner"})
    first, second = box.messages
    assert first["Subject"] == "Weightmark: promote of models:/churn/3 was refused (non-commercial)"
    assert box.recipients[0] == ["one@acme.example", "two@acme.example"]
    assert "section 2 Ask openlab." in first.get_content()
    assert "by: alice" in first.get_content()
    assert second["Subject"] == "Weightmark: models:/churn/3 is whole"
    assert "before: changed" in second.get_content()


def test_a_name_cannot_write_headers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "churn\r\nBcc: victim@example.org\r\n\r\nSend money."
    with mail_server(box := Mailbox()) as port:
        observer = email_to(monkeypatch, f"smtp://127.0.0.1:{port}")
        observer.notice(refusal(uri=f"models:/{evil}/1", name=evil), {**REFUSED, "code": evil})
        observer.notice(refusal(uri="models:/" + "é" * 5000, name="ß\u202e"), REFUSED)
    assert box.recipients == [["one@acme.example", "two@acme.example"]] * 2
    assert box.messages[0]["Bcc"] is None
    assert "\nSend money." not in box.messages[0].get_content()
    assert len(box.messages[1]["Subject"]) < 400


def test_a_password_goes_over_tls_only(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    with mail_server(box := Mailbox(), tls) as port:
        observer = email_to(monkeypatch, f"smtp://gate:p%40ss@127.0.0.1:{port}")
        observer.notice(refusal(), REFUSED)
    assert (box.tls, box.logins) == ([True], [(b"gate", b"p@ss")])
    with mail_server(box := Mailbox()) as port:
        observer = email_to(monkeypatch, f"smtp://gate:p%40ss@127.0.0.1:{port}")
        with pytest.raises(PlatformError, match="offers no TLS") as caught:
            observer.notice(refusal(), REFUSED)
    assert (box.messages, box.logins) == ([], [])
    assert "p@ss" not in str(caught.value)


def test_tls_from_the_first_byte(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=tls)
    controller.start()
    try:
        email_to(monkeypatch, f"smtps://127.0.0.1:{port}").notice(refusal(), REFUSED)
    finally:
        controller.stop()
    assert len(box.messages) == 1


def test_a_server_nobody_vouches_for_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_server(box := Mailbox(), tls) as port:
        observer = email_to(monkeypatch, f"smtp://gate:p%40ss@127.0.0.1:{port}")
        with pytest.raises(PlatformError, match="SSLCertVerificationError"):
            observer.notice(refusal(), REFUSED)
    assert (box.messages, box.logins) == ([], [])


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_mail_server_that_does_not_answer_is_given_up_and_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weightmark_plugins.observers.email.TIMEOUT_SECONDS", 0.2)
    with silent_server() as port:
        observer = email_to(monkeypatch, f"smtp://gate:p%40ss@127.0.0.1:{port}")
        started = time.monotonic()
        with pytest.raises(PlatformError, match="no e-mail could be sent") as caught:
            observer.notice(refusal(), REFUSED)
        observer.notice(refusal(), REFUSED)
        assert time.monotonic() - started < 2
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEIGHTMARK_SMTP_URL", ""),
        ("WEIGHTMARK_SMTP_URL", "http://user:hunter2@host"),
        ("WEIGHTMARK_SMTP_URL", "smtp://user:hunter2@host:port"),
        ("WEIGHTMARK_SMTP_URL", "smtp://user:hunter2@[host"),
        ("WEIGHTMARK_EMAIL_FROM", "nobody"),
        ("WEIGHTMARK_EMAIL_TO", "a@b\r\nBcc: c@d"),
    ],
)
def test_a_wrong_setting_for_mail_is_named_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    observer = email_to(monkeypatch, "smtp://host:25")
    monkeypatch.setenv(name, value)
    with pytest.raises(MalformedError, match=name) as caught:
        observer.notice(refusal(), REFUSED)
    assert "hunter2" not in str(caught.value)


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted, answers what it is told to."""

    answers: ClassVar[list[int]] = []
    taken: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append(({key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.send_header("location", "http://elsewhere.example/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.answers.clear()
    Hook.taken.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks/token-in-the-path"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def webhook_to(monkeypatch: pytest.MonkeyPatch, url: str) -> WebhookObserver:
    monkeypatch.setenv("WEIGHTMARK_NOTIFY_URL", url)
    monkeypatch.setenv("WEIGHTMARK_NOTIFY_SECRET", SECRET)
    monkeypatch.setattr(WebhookObserver, "first_wait_seconds", 0.01)
    return WebhookObserver()


def check(headers: dict[str, str], body: bytes) -> dict[str, Json]:
    """Verify as the specification of Standard Webhooks says a receiver must."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    version, _, value = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert hmac.compare_digest(base64.b64decode(value), expected)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    return dict(json.loads(body))


def test_a_refusal_is_posted_and_signed(monkeypatch: pytest.MonkeyPatch, hook: str) -> None:
    observer = webhook_to(monkeypatch, hook)
    observer.notice(refusal(), REFUSED)
    observer.notice(refusal(), {"allowed": True})
    observer.notice(FOUND, {"allowed": True, "code": "whole"})
    first, second = (check(*taken) for taken in Hook.taken)
    assert first["type"] == "event.refused"
    assert first["event"]["uri"] == "models:/churn/3"  # type: ignore[index,call-overload]
    assert second["type"] == "watch.changed"
    assert second["event"]["context"]["was"] == "changed"  # type: ignore[index,call-overload]


def test_it_is_sent_again_under_the_same_identifier(monkeypatch: pytest.MonkeyPatch, hook: str) -> None:
    Hook.answers[:] = [503, 429, 200]
    webhook_to(monkeypatch, hook).notice(refusal(), REFUSED)
    assert len({headers["webhook-id"] for headers, _ in Hook.taken}) == 1
    assert len(Hook.taken) == 3


@pytest.mark.parametrize(("answer", "times"), [(500, ATTEMPTS), (404, 1), (302, 1)])
def test_it_ends(monkeypatch: pytest.MonkeyPatch, hook: str, answer: int, times: int) -> None:
    Hook.answers[:] = [answer] * 10
    observer = webhook_to(monkeypatch, hook)
    with pytest.raises(PlatformError, match=f"answered {answer}") as caught:
        observer.notice(refusal(), REFUSED)
    assert len(Hook.taken) == times
    observer.notice(refusal(), REFUSED)
    assert len(Hook.taken) == times, "it is left alone for a while"
    assert "token-in-the-path" not in str(caught.value)


def test_a_receiver_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weightmark_plugins.observers.webhook.TIMEOUT_SECONDS", 0.1)
    with silent_server() as port:
        observer = webhook_to(monkeypatch, f"http://127.0.0.1:{port}/token-in-the-path")
        started = time.monotonic()
        with pytest.raises(PlatformError, match="could not be told: ReadTimeout"):
            observer.notice(refusal(), REFUSED)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEIGHTMARK_NOTIFY_URL", ""),
        ("WEIGHTMARK_NOTIFY_URL", "ftp://host/hunter2"),
        ("WEIGHTMARK_NOTIFY_URL", "https://[hunter2"),
        ("WEIGHTMARK_NOTIFY_SECRET", ""),
        ("WEIGHTMARK_NOTIFY_SECRET", "whsec_hunter2!"),
    ],
)
def test_a_wrong_setting_is_named_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    observer = webhook_to(monkeypatch, "https://host/x")
    monkeypatch.setenv(name, value)
    with pytest.raises(MalformedError, match=name) as caught:
        observer.notice(refusal(), REFUSED)
    assert "hunter2" not in str(caught.value)


def test_the_road_goes_on_and_the_log_names_the_observer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("weightmark_plugins.observers.webhook.TIMEOUT_SECONDS", 0.1)
    webhook_to(monkeypatch, f"http://127.0.0.1:{free_port()}/token-in-the-path")
    email_to(monkeypatch, f"smtp://gate:p%40ss@127.0.0.1:{free_port()}")
    (tmp_path / "weightmark.toml").write_text('observers = ["log", "email", "webhook"]\nledger = "memory:"\n')
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"x")
    with Workspace(Configuration.load(), Plugins()) as workspace, caplog.at_level(logging.WARNING):
        outcome = workspace.handle(ModelEvent(kind=EventKind.DEPLOY, uri=str(tmp_path / "model")))
    assert not outcome.allowed
    assert "the observer email failed" in caplog.text
    assert "the observer webhook failed" in caplog.text
    assert "token-in-the-path" not in caplog.text
    assert "p@ss" not in caplog.text
    assert "p%40ss" not in caplog.text


def test_the_address_stands_in_no_log(
    monkeypatch: pytest.MonkeyPatch, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook_to(monkeypatch, hook.replace("//", "//user:hunter2@")).notice(refusal(), REFUSED)
    assert Hook.taken[0][0]["authorization"] == "Basic " + base64.b64encode(b"user:hunter2").decode()
    assert not any(secret in caplog.text for secret in ("hunter2", "token-in-the-path"))
