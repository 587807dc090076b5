"""Certificates for tests, made by openssl: an authority and what it signs."""

import os
import ssl
import subprocess


def _openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    """ca = Authority(folder); certificate, key = ca.issue("name", "IP:127.0.0.1")."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.certificate, self.key = self._path(name, "crt"), self._path(name, "key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def _path(self, name, suffix):
        return os.path.join(self.folder, f"{name}.{suffix}")

    def issue(self, name, *alternatives):
        """Files of a new certificate and its key; alternatives as DNS:name or IP:address."""
        key, request, certificate = (self._path(name, s) for s in ("key", "csr", "crt"))
        extensions = self._path(name, "ext")
        with open(extensions, "w", encoding="ascii") as f:
            f.write(f"subjectAltName = {','.join(alternatives) or 'DNS:' + name}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                 "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key

    def server(self, certificate, key, verify=False):
        """A server's ssl.SSLContext."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if verify:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, certificate=None, key=None):
        """A client's ssl.SSLContext that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.certificate)
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(certificate, key)
        return context
