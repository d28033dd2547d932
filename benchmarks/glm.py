"""Time, gaps and memory of the population GLM beside other packages, on the same work in the same run.

    pip install -e . -r benchmarks/requirements.txt && pip install --no-deps adelie
    python benchmarks/glm.py --sizes S M --write

Prints one markdown document; progress goes to the error stream. Every package works on one thread. Packages that are
not installed are named and left out. See README.md beside this file.
"""

import argparse
import os
import sys

ONE_THREAD = {
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
        "1",
    ),
    "OMP_PROC_BIND": "false",  # a package that ties threads to cores would tie ours too
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
}
PARTS = ("fits", "fresh", "folds", "growth")
JOBS = ("ridge", "ridge path", "elastic-net path")
SIZES = ("tiny", "S", "M", "L", "low_rate", "wide")
PACKAGES = ("sklearn", "statsmodels", "glum", "adelie", "nemos", "skglm")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=["S", "M"])
    parser.add_argument("--peers", nargs="*", choices=PACKAGES, default=list(PACKAGES), help="none: give no name")
    parser.add_argument("--jobs", nargs="*", choices=JOBS, default=list(JOBS))
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--n-peer-units", type=int, help="units fitted by each peer, instead of 3 at S, 2 at M, 1 at L")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = read_arguments()
    os.environ.update(ONE_THREAD)  # before anything loads numpy
    import measure
    from peers import NOT_RUN, installed
    from readme import put
    from results import Results
    from table import markdown

    there, missing = installed(arguments.peers)
    results = Results()
    if missing:
        results.left_out.append(f"not installed: {', '.join(missing)}")
        print(f"Not installed, left out: {', '.join(missing)}.", file=sys.stderr)
    results.left_out += [f"{name}: {why}" for name, why in NOT_RUN.items() if name in there]
    measure.warm_up()
    if "growth" in arguments.parts:
        measure.growth(arguments.seed, arguments.jobs, results)
    for size in arguments.sizes:
        measure.measure(size, arguments.seed, arguments.parts, there, arguments.jobs, arguments.n_peer_units, results)
    text = markdown(results, arguments.seed)
    print(text)
    if arguments.write:
        put("measured", text)


if __name__ == "__main__":
    main()
