"""own_nginx.py - another nginx before the servers of a stack, with the configuration that is shipped but for what a test
changes in it.

Must never leave a process behind: own_nginx() is a context manager.
"""
import contextlib
import re
import shutil
import socket
import subprocess

from stack import open_folder
from waiting import wait_until


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def own_nginx(stack, listen="{}", **changes):
    """Its port. `changes`: instead of what these directives have, `listen`: of its address in that one."""
    port = free_port()
    with open_folder() as home, open(home / "log", "w", encoding="utf-8") as log:
        text = (stack.directory / "nginx" / "nginx.conf").read_text(encoding="utf-8")
        text = text.replace(str(stack.directory / "nginx"), str(home))
        for name, value in {"listen": listen.format(f"127.0.0.1:{port}"), **changes}.items():
            text, found = re.subn(rf"\b{name}[ =]([^;{{]+);", lambda match, value=value: match[0].replace(match[1], value),
                                  text)
            assert found, name
        (home / "nginx.conf").write_text(text, encoding="utf-8")
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        process = subprocess.Popen([program, "-p", home, "-c", home / "nginx.conf", "-g",
                                    "daemon off; master_process off;"], stdout=log, stderr=log)
        try:
            wait_until("nginx listens", lambda: socket.create_connection(("127.0.0.1", port)).close() or True,
                       ignoring=(ConnectionError,))
            yield port
        finally:
            process.terminate()
            process.wait(30)
