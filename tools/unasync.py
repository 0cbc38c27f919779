# SPDX-License-Identifier: Apache-2.0
"""Makes the blocking client from the one for asyncio, word by word, as httpcore does: one text, two clients.

python tools/unasync.py           # writes controlplane/p4vpc/client/client.py
python tools/unasync.py --check   # fails if it is not what would be written
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "controlplane" / "p4vpc" / "client"
SOURCE, TARGET = CLIENT / "async_client.py", CLIENT / "client.py"
WORDS = (
    (r"Client of the REST API for asyncio\. .*", 'Blocking client of the REST API. Made by tools/unasync.py."""'),
    (r"async (def|with|for) ", r"\1 "),
    (r"\(await ([^()]*(?:\([^()]*\)[^()]*)*)\)", r"\1"),
    (r"await ", ""),
    (r"AsyncBaseTransport", "BaseTransport"),
    (r"AsyncClient", "Client"),
    (r"AsyncIterator, Awaitable, Callable, Iterable", "Callable, Iterable, Iterator"),
    (r"AsyncIterator", "Iterator"),
    (r"Awaitable\[None\]", "None"),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"aclose", "close"),
    (r"aiter_lines", "iter_lines"),
    (r"aread", "read"),
    (r"asyncio\.sleep", "time.sleep"),
    (r"import asyncio\n", ""),
)


def blocking(source: str) -> str:
    """Return the blocking form of a text for asyncio, formatted."""
    for pattern, word in WORDS:
        source = re.sub(pattern, word, source)
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    text = blocking(SOURCE.read_text(encoding="utf-8"))
    if not arguments.check:
        TARGET.write_text(text, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET} is not what {SOURCE} makes: run tools/unasync.py")


if __name__ == "__main__":
    main()
