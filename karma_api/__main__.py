"""`python -m karma_api`: the API of the project that KARMA_PROJECT_DIR names, or of this one."""

from karma_api.memory import use_c_allocator

if __name__ == "__main__":
    use_c_allocator()  # before the rest is loaded, which would else be loaded twice

from karma_adapters.processes.programs import ending_in_words
from karma_adapters.wiring.reading import project_to_serve, read_settings
from karma_api.app import app_of
from karma_api.server import serve_as_set

if __name__ == "__main__":
    with ending_in_words("karma_api"):
        root = project_to_serve()
        settings = read_settings(root)
        app = app_of(root)
    serve_as_set(app, settings)
