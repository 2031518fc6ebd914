"""The functions: `karma_lambda.functions.<name>` is the handler of the resource of that name.

Lambda takes it by its name when a container starts, and with it what its routes need is loaded.
"""

from karma_lambda import loading

loading.begin()


def __getattr__(name: str) -> object:
    """The handler; AttributeError for what is no function's name."""
    from karma_lambda.handlers import handler_of  # noqa: PLC0415 - after loading has begun

    try:
        return handler_of(name)
    except KeyError:
        raise AttributeError(name) from None
