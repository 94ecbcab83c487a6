"""latin1.py - a database in another encoding than UTF-8."""
import contextlib

from stack import execute


@contextlib.contextmanager
def latin1_database(stack):
    """A database in which most characters cannot be stored, with the extension in it."""
    drop = "DROP DATABASE IF EXISTS latin1 WITH (FORCE)"
    stack.sql(drop)
    stack.sql("CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1'"
              " LC_COLLATE 'C' LC_CTYPE 'C'")
    connection = stack.connect(database="latin1")
    try:
        execute(connection, "CREATE EXTENSION campaign")
        yield connection
    finally:
        connection.close()
        stack.sql(drop)
