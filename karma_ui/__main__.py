"""`python -m karma_ui`: API and pages of the project that is here, on loopback."""

from pathlib import Path

from karma_adapters.processes.programs import ending_in_words
from karma_adapters.wiring.reading import find_project, read_settings
from karma_adapters.wiring.settings import API_PORT
from karma_api.server import serve
from karma_ui.server import served_app

if __name__ == "__main__":
    with ending_in_words("karma_ui"):
        root = find_project(Path.cwd())
        api = read_settings(root).api
        app = served_app(root)
    serve(app, host=api.host, port=API_PORT if api.port is None else api.port)
