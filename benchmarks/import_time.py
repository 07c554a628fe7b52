"""What `import tfseg` and `tfseg --help` cost, each in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import harness

COMMANDS = {
    "python alone": "pass",
    "import tfseg": "import tfseg",
    "tfseg --help": "from tfseg.cli.main import main; main([])",
}


def main() -> None:
    """Runs the commands in turn and prints the medians."""
    args = harness.arguments(__doc__, rounds=10, warmup=1).parse_args()
    runs = {name: {"wall": []} for name in COMMANDS}
    for turn in range(args.warmup + args.rounds):
        for name, code in COMMANDS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            if turn >= args.warmup:
                runs[name]["wall"].append(time.perf_counter() - begin)
    for name, run in runs.items():
        low, middle, high = harness.quartiles(run["wall"])
        print(f"{name:<16}{middle:.3f} s ({low:.3f}-{high:.3f})")
    alone = statistics.median(runs["python alone"]["wall"])
    cost = statistics.median(runs["import tfseg"]["wall"]) - alone
    print(f"import tfseg costs {cost:.3f} s")
    results = {"benchmark": "import_time", "runs": runs, "machine": harness.machine()}
    output = args.output or harness.ROOT / "benchmarks" / "results" / "import_time.json"
    print(f"wrote {harness.write(results, output)}")


if __name__ == "__main__":
    sys.exit(main())
