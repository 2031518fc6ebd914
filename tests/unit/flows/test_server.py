"""Temporary Prefect servers of several runs at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVER = """
import http.server, pathlib, sys, time

class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

mark = pathlib.Path(sys.argv[2])
mark.mkdir()  # fails while another makes the tables
time.sleep(1)
mark.rmdir()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""
RUN = """
import pathlib, sys
from flows import server

folder, script = pathlib.Path(sys.argv[1]), sys.argv[2]
server._command = lambda port: [sys.executable, "-c", script, str(port), str(folder / "making-tables")]
with server.temporary_server(folder):
    print("up")
"""


def test_servers_over_one_database_start_one_after_the_other(tmp_path: Path) -> None:
    """Both would make its tables, and one of the runs would end with an error."""
    words = [sys.executable, "-c", RUN, str(tmp_path), SERVER]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [run.communicate(timeout=120) for run in runs]
    assert [out for out, _ in said] == ["up\n"] * 3, said
