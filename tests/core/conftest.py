import subprocess
import sys

import pytest


@pytest.fixture
def on_a_tiny_disk(tmp_path):
    """Runs code with a fresh, really small file system as its argument; skips where that is not allowed."""

    def run(code: str, kilobytes: int) -> list[str]:
        folder = tmp_path / "disk"
        folder.mkdir()
        mount = f'mount -t tmpfs -o size={kilobytes}k none "$0" || exit 77; exec "$1" -c "$2" "$0"'
        command = ["unshare", "-Urm", "sh", "-c", mount, str(folder), sys.executable, code]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            pytest.skip("no unshare here")
        if done.returncode == 77 or "unshare failed" in done.stderr:
            pytest.skip("no user namespaces here")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run
