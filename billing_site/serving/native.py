"""The native libraries that draw PDFs: found, installed on Debian by root, or asked for in one sentence."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from billing_site.serving import progress

LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}


class LibraryMissingError(Exception):
    """A native library is not there; the message is the command that brings it."""


def ensure_libraries() -> None:
    """Install what is missing where that is possible, or raise with the command to type."""
    if missing_packages() and _may_install():
        with progress.told("Installing the libraries that draw PDFs (apt-get)"):
            _install(missing_packages())
    if missing := missing_packages():
        raise LibraryMissingError(
            f"PDFs need native libraries that are missing here: apt-get install {' '.join(missing)} "
            "(on macOS: brew install pango harfbuzz)"
        )


def missing_packages() -> list[str]:
    return [package for library, package in LIBRARIES.items() if not _loads(library)]


def _loads(library: str) -> bool:
    mac = library.replace(".so.0", ".0.dylib")
    for name in (library, mac, f"/opt/homebrew/lib/{mac}", f"/usr/local/lib/{mac}"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def _install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command, "-y"], env=environment, capture_output=True, check=False)  # noqa: S603, S607
