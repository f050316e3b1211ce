"""Is an exported model what was exported, by whom, and what did the gate find?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.api.loading import REGISTERED, find_model
from recsys.errors import InputError
from recsys.export import manifest as manifests
from recsys.export import signature
from recsys.export.verdict import MIB, sentences
from recsys.system.display import counted
from recsys.system.manifests import as_files, damaged, files_in


@dataclass(frozen=True)
class Verified:
    """An exported model whose files are those that were exported.

    Attributes:
        folder: of the version.
        manifest: what it says of itself.
        signed: whether it has a signature.
        key: the public key by which that was checked; None: it was not.
    """

    folder: Path
    manifest: dict[str, Any]
    signed: bool
    key: Path | None

    def summary(self) -> str:
        """What was checked, a line each."""
        files = self.manifest["files"].values()
        size = sum(file["bytes"] for file in files) / MIB
        if self.key is not None:
            signed = f"holds, by the key {self.key}"
        elif self.signed:
            signed = f"not checked: give the public key (--key, or {signature.VARIABLE})"
        else:
            signed = "none"
        return "\n".join(
            [
                f"{self.folder}: version {self.manifest['version']}, exported "
                f"{self.manifest['created']} on the data {self.manifest['data']['fingerprint']}",
                f"manifest: format {self.manifest['format']}, as it was written (SHA-256)",
                f"files: {counted(len(files), 'file')}, {size:.1f} MiB, as they were exported "
                "(SHA-256); no other is there",
                f"signature: {signed}",
                *sentences(self.manifest["gate"]),
            ]
        )


def verify(path: str | Path, key: Path | None = None, runs_dir: str | Path = "runs") -> Verified:
    """Compares every file of an exported model with its manifest, and checks its signature.

    Args:
        path: the folder of a run or of a version, or ``models:/NAME@ALIAS``
            (:func:`recsys.load`).
        key: file of the public key that it must be signed with; None: the one that the environment
            variable ``RECSYS_VERIFY_KEY`` names.
        runs_dir: where the MLflow store lies.

    Raises:
        InputError: it is not what was exported, with the name of every file that differs; or not
            signed with the key.
    """
    folder = find_model(path, Path(runs_dir), "verify")
    manifest = manifests.read_manifest(folder)
    files = as_files(manifest["files"], folder / manifests.FILE, manifests.MEND)
    faults = [
        f"{name} {'is damaged' if (folder / name).is_file() else 'is missing'}"
        for name in damaged(folder, files)
    ]
    there = {file.relative_to(folder).as_posix() for file in files_in(folder)}
    known = {*files, manifests.FILE, signature.FILE}
    faults += [f"{name} was not exported with it" for name in sorted(there - known)]
    if faults:
        raise InputError(
            f"{folder} is not what was exported: {'; '.join(faults)}. Take it from where it was "
            "published, or export it again (`recsys export`)"
        )
    required = signature.required_key(key)
    if required is not None:
        signature.check_signature(folder, required)
    return Verified(folder, manifest, (folder / signature.FILE).is_file(), required)


def sign(path: str | Path, key: Path) -> Path:
    """Signs an exported model whose files are those that were exported.

    Args:
        path: the folder of a run or of a version.
        key: file of the private key (PEM), which only its owner may read.

    Returns:
        The file of the signature.

    Raises:
        InputError: the model is damaged, or the key cannot be used.
    """
    if str(path).startswith(REGISTERED):
        raise InputError(
            f"{path} is in a registry, where models stay as they were registered: sign the folder "
            "of the version, and run its experiment again, which registers it with its signature"
        )
    secret = signature.signing_key_in(key)
    folder = find_model(path, Path(), "sign")
    manifests.verified_manifest(folder)
    return signature.sign(folder, secret)
