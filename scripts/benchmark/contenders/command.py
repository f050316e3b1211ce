"""Starts a process and waits for it."""

import subprocess
import sys

from contender import read_case, serve


def main() -> None:
    case = read_case()
    command = [sys.executable, "-c", case["program"]]

    def work() -> int:
        subprocess.run(command, check=True, capture_output=True)
        return 1

    serve(work, first_calls=1)


if __name__ == "__main__":
    main()
