"""`python -m karma_api`: the API of the project that is here, on loopback."""

from pathlib import Path

from karma_adapters.settings import find_project, read_settings
from karma_api.app import app_of
from karma_api.server import serve

if __name__ == "__main__":
    root = find_project(Path.cwd())
    api = read_settings(root).api
    serve(app_of(root), host=api.host, port=api.port)
