"""The certificate of the FTP server, for cameras that encrypt: made by itself once, and trusted by nobody else."""

from __future__ import annotations

import errno
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

VALID_FOR = timedelta(days=20 * 365)


def certificate_in(folder: Path) -> Path:
    """The file with the certificate and its key, made where there is none; only we may read it."""
    path = folder / "certificate.pem"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arriving = folder / f".certificate.{os.getpid()}"
        descriptor = os.open(arriving, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_new_certificate())
        arriving.replace(path)
    path.chmod(0o600)  # as restored from a backup, say
    return path


def encryption_with(certificate: Path) -> Any:
    """How connections are encrypted, for pyftpdlib. Raises OSError where the file is of no use.

    TLS 1.2 and no other: under 1.3 the server says something more after the handshake, which a client that only sends
    never reads. When it closes the connection, its system then takes back what of the file is still on the way.
    """
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    try:
        context.use_certificate_chain_file(str(certificate))
        context.use_privatekey_file(str(certificate))
    except SSL.Error as error:
        raise OSError(
            errno.EINVAL, "no certificate with its key; remove it, and one is made", str(certificate)
        ) from error
    return context


def _new_certificate() -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)  # older firmwares know no other kind
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, socket.gethostname()[:64] or "cameras")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))  # a camera's clock may be behind
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)
