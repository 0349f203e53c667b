"""A real SMTP server for the tests: smtp_server.py MODE CERTIFICATE KEY DIRECTORY

MODE is implicit, starttls or plain. Signing in as "backup" with "open sesame" is needed where there is TLS. Mails are
written to DIRECTORY as 1.eml, 2.eml and so on; mail for refused@example.org is refused. Prints the port.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, certificate, key, directory = sys.argv[1:]


class Handler:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == "refused@example.org":
            return "550 5.1.1 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Handler.count += 1
        path = pathlib.Path(directory, f"{Handler.count}.eml")
        path.with_suffix(".part").write_bytes(envelope.content)
        path.with_suffix(".part").rename(path)
        return "250 OK"


def sign_in(server, session, envelope, mechanism, data):
    good = data.login == b"backup" and data.password == b"open sesame"
    return AuthResult(success=good, handled=good)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def protocol():
        has_tls = mode != "plain"
        return SMTP(
            Handler(),
            hostname="localhost",
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            authenticator=sign_in,
            auth_required=has_tls,
            auth_require_tls=mode == "starttls",
        )

    loop = asyncio.get_running_loop()
    tls = context if mode == "implicit" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
