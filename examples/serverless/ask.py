"""GET a path of an HTTP API in a local AWS, with a token: `python ask.py ENDPOINT API TOKEN PATH`."""

from __future__ import annotations

import sys

import httpx

if __name__ == "__main__":
    endpoint, api, token, path = sys.argv[1:]
    headers = {"authorization": f"Bearer {token}", "host": f"{api}.execute-api.localhost"}
    answer = httpx.get(f"{endpoint}{path}", headers=headers, timeout=60, trust_env=False)
    print(f"    {answer.status_code}")
    answer.raise_for_status()
    for node in answer.json()["nodes"]:
        print(f"    {node['id']:<24} {node['status']}")
