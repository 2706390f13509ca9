"""`python -m billing_site.serving`: the demo in the foreground. PORT chooses the port, ONCE=1 checks and leaves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from billing_site.embedded import EmbeddedServerError
from billing_site.serving import demo, native, supervisor

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    port = os.environ.get("PORT") or "8000"
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        sys.exit(f"PORT={port!r} is no port: write a number such as PORT=8080.")
    os.chdir(ROOT)
    try:
        demo.serve(
            var_dir=Path(os.environ.get("VAR_DIR") or ROOT / "var"),
            port=int(port),
            once=os.environ.get("ONCE", "") not in {"", "0"},
        )
    except (demo.RefusedError, supervisor.FailedError, native.LibraryMissingError, EmbeddedServerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
