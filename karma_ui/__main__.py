"""`python -m karma_ui`: API and pages of the project that KARMA_PROJECT_DIR names, or of this one."""

from karma_api.memory import use_c_allocator

if __name__ == "__main__":
    use_c_allocator()  # before the rest is loaded, which would else be loaded twice

from karma_adapters.processes.programs import ending_in_words
from karma_adapters.wiring.reading import project_to_serve, read_settings
from karma_api.server import serve_as_set
from karma_ui.server import served_app

if __name__ == "__main__":
    with ending_in_words("karma_ui"):
        root = project_to_serve()
        settings = read_settings(root)
        app = served_app(root)
    serve_as_set(app, settings)
