"""latin1.py - a database in another encoding than UTF-8, or with another locale."""
import contextlib

from stack import execute


def latin1_database(stack):
    """A database in which most characters cannot be stored, with the extension in it."""
    return database_in_c(stack, "latin1")


@contextlib.contextmanager
def database_in_c(stack, encoding):
    """A database whose locale knows ASCII letters only, named by its encoding, with the extension in it."""
    drop = f"DROP DATABASE IF EXISTS {encoding} WITH (FORCE)"
    stack.sql(drop)
    stack.sql(f"CREATE DATABASE {encoding} TEMPLATE template0 ENCODING '{encoding}'"
              " LC_COLLATE 'C' LC_CTYPE 'C'")
    connection = stack.connect(database=encoding)
    try:
        execute(connection, "CREATE EXTENSION campaign")
        yield connection
    finally:
        connection.close()
        stack.sql(drop)
