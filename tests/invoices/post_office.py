"""A mail server on loopback that speaks SMTP, keeps what it took, and can be told to refuse, hang up or be late."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

Reply = tuple[int, str]


@dataclass
class PostOffice:
    """What it was given, and how it answers; instead of the answer to a mail it may hang up, or fall silent."""

    port: int = 0
    letters: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    to_recipient: dict[str, Reply] = field(default_factory=dict)
    to_sender: Reply = (250, "OK")
    to_mail: Reply = (250, "taken")
    to_goodbye: Reply = (221, "bye")
    hangs_up: bool = False
    is_silent: bool = False
    is_silent_after_mail: bool = False
    wakes: threading.Event = field(default_factory=threading.Event)

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(letter, policy=default) for letter in self.letters]  # type: ignore[arg-type]


class _Counter(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        office: PostOffice = self.server.office
        if office.is_silent:
            office.wakes.wait()
            return None
        self._say(220, "post office")
        while line := self.rfile.readline().decode("utf-8").strip():
            verb, _, rest = line.partition(" ")
            if verb.upper() == "DATA":
                if not self._take(office):
                    return None
            elif verb.upper() == "QUIT":
                return self._say(*office.to_goodbye)
            else:
                self._say(*self._answer(office, line.upper(), rest))
        return None

    def _answer(self, office: PostOffice, line: str, rest: str) -> Reply:
        if line.startswith("MAIL"):
            return office.to_sender
        if line.startswith("RCPT"):
            recipient = rest.partition("<")[2].partition(">")[0]
            reply = office.to_recipient.get(recipient, (250, "OK"))
            if reply[0] == 250:
                office.recipients.append(recipient)
            return reply
        return 250, "OK"

    def _take(self, office: PostOffice) -> bool:
        self._say(354, "go on")
        lines = iter(self.rfile.readline, b".\r\n")
        letter = b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)
        if office.to_mail[0] == 250:
            office.letters.append(letter)
        if office.is_silent_after_mail:
            office.wakes.wait()
        if office.hangs_up or office.is_silent_after_mail:
            return False
        self._say(*office.to_mail)
        return True

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, office: PostOffice) -> None:
        self.office = office
        super().__init__(("127.0.0.1", 0), _Counter)

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is none of our business."""


def open_office() -> tuple[PostOffice, _Server]:
    office = PostOffice()
    server = _Server(office)
    office.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return office, server
