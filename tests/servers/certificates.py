"""A certificate for a server on loopback, signed by itself, made for one test."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HOST = "127.0.0.1"


def certificate(folder: Path, name: str = "server") -> tuple[Path, Path]:
    """The files of a new certificate for `HOST` and of its key. Raises `LookupError` where nothing can make one."""
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    if shutil.which("openssl"):
        _by_openssl(*paths)
    else:
        _by_python(*paths)
    paths[1].chmod(0o600)
    return paths


def _by_openssl(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=trial"]
    files = ["-addext", f"subjectAltName=IP:{HOST}", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*command, *files], check=True, capture_output=True)


def _by_python(certificate: Path, key: Path) -> None:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError:
        raise LookupError("neither openssl nor the package `cryptography` is there to make a certificate") from None
    import datetime
    import ipaddress

    secret = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trial")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number(), now)
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate.write_bytes(made.public_bytes(pem))
    key.write_bytes(secret.private_bytes(pem, form, plain))
