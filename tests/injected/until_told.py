"""Serves a project on Windows, and presses Ctrl-C when a file appears. Arguments: package, file."""

import ctypes
import signal
import subprocess
import sys
import time
from pathlib import Path

package, file = sys.argv[1], Path(sys.argv[2])
server = subprocess.Popen(
    [sys.executable, "-m", f"{package}.server"],
    stdout=sys.stdout,
    stderr=sys.stdout,
    creationflags=subprocess.CREATE_NO_WINDOW,  # gives it a console of its own, as a service has
)
while server.poll() is None and not file.exists():
    time.sleep(0.1)
signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C goes to all that share the console
kernel = ctypes.windll.kernel32
kernel.FreeConsole()
if not (kernel.AttachConsole(server.pid) and kernel.GenerateConsoleCtrlEvent(0, 0)):
    raise ctypes.WinError()
sys.exit(server.wait(timeout=20))
