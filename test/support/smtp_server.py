"""smtp_server.py - an SMTP server that does what a test tells it to, for faults that no real one
makes on demand.

Must never send a mail on. What it takes is in `mails`.
"""
import asyncio
import contextlib
import random
import socket
import ssl
import subprocess
import threading

from aiosmtpd.smtp import SMTP, AuthResult

from mailers import message_id_of, parse

USER = "somebody"
PASSWORD = "s3cretpassw0rd"
HANG = "hang"
TRICKLE = "trickle"
CLOSE = "close"


def free_port():
    """A port below those that the kernel takes for outgoing connections."""
    while True:
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", random.randrange(10240, 32768)))
            return one.getsockname()[1]


class Certificate:
    """A certificate for a host, signed by an authority of its own, in files of a folder."""

    def __init__(self, folder, host="IP:127.0.0.1"):
        self.ca_file = folder / "ca.pem"
        self.file = folder / "server.pem"
        self.key = folder / "server.key"
        request = folder / "server.csr"
        extension = folder / "extension"
        extension.write_text(f"subjectAltName={host}\n")
        new = ["-newkey", "rsa:2048", "-nodes", "-keyout"]
        for words in (
                ["req", "-x509", *new, folder / "ca.key", "-out", self.ca_file, "-days", "2",
                 "-subj", "/CN=test"],
                ["req", *new, self.key, "-out", request, "-subj", "/CN=test"],
                ["x509", "-req", "-in", request, "-CA", self.ca_file, "-CAkey", folder / "ca.key",
                 "-CAcreateserial", "-days", "2", "-extfile", extension, "-out", self.file]):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


class Session(SMTP):
    """One connection: asks the script at each step, and else is an SMTP server as any other."""

    def __init__(self, owner, **options):
        super().__init__(owner, **options)
        self.owner = owner

    async def as_usual(self, step):
        """False: the script has answered instead."""
        answer = await self.owner.next_action(self, step)
        if answer is not None:
            await self.push(answer)
        return answer is None

    async def _handle_client(self):
        self.owner.connections += 1
        self.owner.open += 1
        try:
            if await self.as_usual("CONNECT"):
                await super()._handle_client()
            else:
                self.transport.close()
        finally:
            self.owner.open -= 1

    async def smtp_EHLO(self, hostname):
        if await self.as_usual("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg):
        if await self.as_usual("STARTTLS"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg):
        if await self.as_usual("LOGIN"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):
        if await self.as_usual("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        if await self.as_usual("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if not await self.as_usual("DATA"):
            return
        if self.owner.script.get("BODY"):
            await self.push("354 go on")
            await self._reader.readline()
            await self.owner.next_action(self, "BODY")
            return
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        if await self.as_usual("QUIT"):
            await super().smtp_QUIT(arg)


class SmtpServer:
    """A running server. `script` says what happens to the first use of a step, to the second, and
    so on: {"RCPT": ["450 later", None, HANG]}; None, and everything behind the end: as usual.

    Steps: CONNECT, EHLO, STARTTLS, LOGIN (the command AUTH), AUTH (refused in the end), MAIL, RCPT,
    DATA (before its 354), BODY (in the middle of the mail, HANG or CLOSE only), ANSWER (the mail
    is taken, and not answered for yet), QUIT. An action is an answer (bytes: exactly these), HANG,
    CLOSE, TRICKLE (an answer without an end), or a function that is called in a thread and returns
    an answer, or None: as usual.
    """

    def __init__(self, certificate=None, script=None, implicit_tls=False, port=None):
        self.certificate = certificate
        self.script = {step: list(actions) for step, actions in (script or {}).items()}
        self.implicit_tls = implicit_tls
        self.port = port or free_port()
        self.mails = []
        self.steps = []
        self.connections = 0  # so far
        self.open = 0  # of them
        self._released = threading.Event()
        self._loop = None
        self._thread = None

    # The server --------------------------------------------------------------------------

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._released.clear()
        self._loop = asyncio.new_event_loop()
        listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self._thread.start()
        assert listening.wait(30), f"no server on port {self.port}"

    def _run(self, listening):
        context = self.certificate.context() if self.implicit_tls else None
        self._loop.set_exception_handler(lambda *_: None)
        server = self._loop.run_until_complete(
            self._loop.create_server(self._session, "127.0.0.1", self.port, ssl=context))
        self._loop.call_soon(listening.set)
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                self._loop.run_until_complete(task)
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _session(self):
        starttls = self.certificate is not None and not self.implicit_tls
        return Session(self, loop=self._loop, authenticator=self.authenticate,
                       auth_exclude_mechanism=["LOGIN"], auth_require_tls=starttls,
                       tls_context=self.certificate.context() if starttls else None,
                       enable_SMTPUTF8=True, hostname="fault.campaign.test")

    def stop(self):
        """Connections that hang end with it."""
        self.release()
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None

    def release(self):
        """Ends all hanging."""
        self._released.set()

    def url(self, login=True):
        scheme = "smtps" if self.implicit_tls else "smtp"
        return f"{scheme}://{f'{USER}:{PASSWORD}@' if login else ''}127.0.0.1:{self.port}"

    def settings(self, **changes):
        """The mailer's settings for this server."""
        settings = {"SMTP_URL": self.url(),
                    "SMTP_CA_FILE": str(self.certificate.ca_file) if self.certificate else ""}
        return {**settings, **changes}

    # What it does ------------------------------------------------------------------------

    async def next_action(self, session, step):
        """An answer, or None: as usual."""
        self.steps.append(step)
        actions = self.script.get(step)
        action = actions.pop(0) if actions else None
        if callable(action):
            return await self._loop.run_in_executor(None, action)
        if action == TRICKLE:
            await self._trickle(session)
        if action == HANG:
            await self._loop.run_in_executor(None, self._released.wait)
        if action in (HANG, CLOSE, TRICKLE):
            session.transport.abort()
            raise ConnectionResetError
        return action

    async def _trickle(self, session):
        """An answer that never ends."""
        with contextlib.suppress(OSError):
            while not self._released.is_set() and not session.transport.is_closing():
                await session.push("250-and")
                await asyncio.sleep(0.1)

    def authenticate(self, server, session, envelope, mechanism, data):
        """Any action is a refusal."""
        del server, session, envelope, mechanism
        self.steps.append("AUTH")
        actions = self.script.get("AUTH")
        refused = actions and actions.pop(0)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right and not refused, handled=False)

    async def handle_DATA(self, server, session, envelope):  # pylint: disable=invalid-name
        del session
        self.mails.append((envelope.rcpt_tos, parse(envelope.content)))
        answer = await self.next_action(server, "ANSWER")
        return "250 OK taken" if answer is None else answer

    # What it has taken -------------------------------------------------------------------

    def copies(self, job_id):
        """How often it has taken the mail of a job."""
        return [mail["Message-ID"] for _, mail in self.mails].count(message_id_of(job_id))
