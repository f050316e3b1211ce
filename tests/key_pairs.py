"""Key pairs that models are signed with, as `openssl` makes them."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec


def key_pair(stem: Path) -> tuple[Path, Path]:
    """Files of a private and a public key.

    Args:
        stem: their path without the endings ``.key`` and ``.pub``.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = stem.with_suffix(".key"), stem.with_suffix(".pub")
    private.touch(0o600)
    private.write_bytes(
        key.private_bytes(
            pem.Encoding.PEM, pem.PrivateFormat.TraditionalOpenSSL, pem.NoEncryption()
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public
