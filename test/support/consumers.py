"""consumers.py - a campaign-consumer of a test's own, beside or instead of the stack's."""
import contextlib
import os
import pathlib

from programs import Program, base_environment, program_output
from stack import BUILD

PROGRAM = pathlib.Path(os.environ.get("CAMPAIGN_CONSUMER", BUILD / "campaign-consumer"))
URLS = ("AMQP_URL", "MONGODB_URI", "DATABASE_URL")


def environment(stack=None, **changes):
    """The three URLs of a stack, with changes; None removes a setting."""
    variables = base_environment()
    if stack is not None:
        variables.update(AMQP_URL=stack.env["AMQP_URL"], MONGODB_URI=stack.env["MONGODB_URI"],
                         DATABASE_URL=stack.env["CONSUMER_DATABASE_URL"])
    variables.update(changes)
    return {name: value for name, value in variables.items() if value is not None}


def consumer_output(*arguments, variables, directory="/", timeout=60):
    """Exit code, standard output and standard error of a consumer that ends by itself."""
    return program_output(PROGRAM, *arguments, variables=variables, directory=directory,
                          timeout=timeout)


class Consumer(Program):
    """A running consumer."""

    def __init__(self, variables, *arguments):
        super().__init__(PROGRAM, variables, *arguments)


@contextlib.contextmanager
def consumer_again(stack):
    """The stack's, where a test runs without it."""
    stack.part("start", "consumer")
    try:
        yield
    finally:
        stack.part("stop", "consumer")
