"""What the description of our own contract shows really works when it is pasted into a shell."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ingest import answers
from ingest.channels import generic

README = Path(__file__).parent / "README.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Delivery = tuple[dict[str, str], bytes]


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[Delivery]]]:
    got: list[Delivery] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            got.append((headers, self.rfile.read(int(headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/till/order", got
    server.shutdown()
    thread.join()
    server.server_close()


def blocks() -> list[str]:
    """Return the shell blocks of the description, in its order."""
    return re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def paste(block: str, folder: Path, **names: str) -> str:
    """Run a block as a shell does, with other values for the names that it lets be set."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **names}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", block], check=False, env=env, cwd=folder, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="needs curl and openssl")
def test_the_shell_blocks_send_what_is_accepted(inbox: tuple[str, list[Delivery]], tmp_path: Path) -> None:
    """With a secret and with a key pair: both deliveries verify, and their line is read as it stands there."""
    url, got = inbox
    symmetric, pair, asymmetric = blocks()
    key = str(tmp_path / "key.pem")
    paste(symmetric, tmp_path, URL=url, SECRET=SECRET)
    public = paste(pair, tmp_path, KEY=key).strip()
    paste(asymmetric, tmp_path, URL=url, KEY=key)

    now_ms = int(time.time() * 1_000)
    for (headers, body), secrets, qty in zip(got, ([SECRET], [public]), (2, 0), strict=True):
        generic.verify(headers, body, secrets, now_ms)
        (line,) = generic.parse(headers, body, now_ms).lines
        assert (line.order, line.line, line.sku, line.qty) == ("A-1", "1", "TEE-M", qty)


def test_the_description_names_every_field() -> None:
    """What the schema has stands in the text."""
    schema = json.loads((README.parents[3] / "ingest/channels/generic.schema.json").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    data, line = schema["properties"]["data"]["properties"], schema["$defs"]["line"]["properties"]
    assert [name for name in (*schema["properties"], *data, *line) if f'"{name}"' not in text] == []


def test_the_description_s_answers_are_the_service_s() -> None:
    """Each row of the table is an answer that there is, with its status."""
    rows = re.findall(r"^\| ([0-9]{3}) \| `(\w+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    known = {(str(one.status), one.verdict) for one in vars(answers).values() if isinstance(one, answers.Answer)}
    assert len(rows) == 9
    assert [row for row in rows if row not in known] == []
