"""certificates.py - a certificate authority of a test's own, and servers that it vouches for."""
import pathlib

from stack import run


class Authority:
    """Writes its files into a directory."""

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self.file = self._directory / "ca.pem"
        self._key = self._directory / "ca.key"
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-subj", "/CN=campaign test authority", "-keyout", self._key, "-out", self.file])

    def server(self, names):
        """A certificate for alternative names ("DNS:localhost,IP:127.0.0.1"): its file and its key's."""
        stem = self._directory / names.replace(":", "-").replace(",", "_")
        request, extension = f"{stem}.csr", f"{stem}.ext"
        certificate, key = f"{stem}.pem", f"{stem}.key"
        # With the identifiers that Python 3.13 wants.
        pathlib.Path(extension).write_text(
            f"subjectAltName={names}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")
        run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server",
             "-keyout", key, "-out", request])
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key,
             "-CAcreateserial", "-days", "1", "-extfile", extension, "-out", certificate])
        return certificate, key
