"""What goes wrong, when, and in which folder; and how VASP is told to stop."""

import os
import re
import signal
import sys
import time
from pathlib import Path

from fake_vasp_inputs import stop

SEGFAULT = "forrtl: severe (174): SIGSEGV, segmentation fault occurred"
HANG_S = 300
DISK_FULL = "forrtl: severe (38): error during write, unit 99, file {}/vasprun.xml"
EDDDAV = "Error EDDDAV: Call to ZHEGV failed. Returncode =   7 1  16"
ZBRENT = (
    "ZBRENT: fatal error in bracketing",
    "please rerun with smaller EDIFF, or copy CONTCAR",
    "to POSCAR and continue",
)


def _repaired():
    """Whether custodian put a failed attempt aside in this folder."""
    return Path("error.1.tar.gz").exists()


class Faults:
    """The one fault of FAKE_VASP, "KIND" or "KIND:N" for ionic step N.

    FAKE_VASP_ONLY restricts it to folders whose path contains this text. FAKE_VASP_ONCE
    names a file: the fault strikes where there is none, and makes it.
    """

    def __init__(self):
        self.kind, _, self.argument = os.environ.get("FAKE_VASP", "").partition(":")
        once = os.environ.get("FAKE_VASP_ONCE")
        self.marker = Path(once) if once else None
        elsewhere = os.environ.get("FAKE_VASP_ONLY", "") not in str(Path.cwd())
        if elsewhere or (self.marker and self.marker.exists()):
            self.kind = ""

    def strikes(self, kind, step, default=None):
        if self.kind != kind or str(step) != (self.argument or default):
            return False
        if self.marker:
            self.marker.touch()
        return True

    def at_start(self):
        """Say FAKE_VASP's text and stop, until a repair has been made."""
        if self.kind == "say" and not _repaired():
            Path("OSZICAR").touch()
            sys.stdout.write(self.argument)
            sys.exit(1)

    def electrons_fail(self, step):
        return self.kind == "scf" or self.strikes("unconverged", step)

    def in_electronic_loop(self, step, files):
        """Break off in the middle of an ionic step, its header already written."""
        if self.strikes("crash", step):
            _leave(files, f"{SEGFAULT}\n")
        if self.strikes("diskfull", step):
            _leave(files, f"{DISK_FULL.format(Path.cwd())}\n")
        if self.strikes("edddav", step, default="1"):
            sys.stdout.write(f" {EDDDAV}\n")
            _leave(files, "")
        if self.strikes("kill", step):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.strikes("hang", step):
            Path("../../pid").write_text(str(os.getpid()))
            time.sleep(HANG_S)

    def line_search_fails(self, step):
        """Stop as the minimiser does once it brackets noise, until a repair was made."""
        if not _repaired() and self.strikes("zbrent", step, default="2"):
            stop(*ZBRENT)


def _leave(files, complaint):
    for file in files:
        file.flush()
    sys.stdout.flush()
    sys.stderr.write(complaint)
    sys.stderr.flush()
    os._exit(1)


def stopcar(tag):
    """Return whether STOPCAR sets LSTOP or LABORT now."""
    try:
        text = Path("STOPCAR").read_text()
    except OSError:
        return False
    return re.search(rf"{tag}\s*=\s*\.?T", text, re.IGNORECASE) is not None
