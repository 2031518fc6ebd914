"""The functions: each module's `handler` is one, and loads what its routes need."""

from karma_lambda import loading

loading.begin()
