#!/usr/bin/env bash
# Checks seqnet on a GPU, in less than 6 minutes: the tests that skip elsewhere, and its speed beside plain torch.
#
#   PYTHON=python3.12 scripts/gpu_check.sh              writes gpu_check.json and gpu_check.md into this folder
#   OUT=found scripts/gpu_check.sh --write              into another one, and the section "gpu" of docs/performance.md
#   WHEELS=wheels scripts/gpu_check.sh                  what is missing comes from that folder, and no index is asked
#   WHEELS=wheels FOR=3.12 scripts/gpu_check.sh --prepare        fills it where there is an index, for that Python
#
# PYTHON (default: python3) has torch 2.7 or newer, which stays as it is: what is missing beside it goes into a folder of
# its own that is removed at the end. SEQNET_GPU_TESTS_ON=cpu tries the check itself, small, where there is no GPU.
#
# Exit codes: 0 all is well; 1 a test failed, the goal was missed, or time ran out; 2 something is wrong with what was
# asked or is there; 3 torch sees no GPU.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
out=${OUT:-.}
wheels=${WHEELS:-}
longest_tests=170 longest_benchmark=120 # seconds
most=60000000                           # bytes of wheels

fail() {
    printf 'gpu_check: %s\n' "$1" >&2
    exit "${2:-2}"
}

# Of Python, which may warn of what is not there yet.
ask() {
    "$python" -W ignore "$here/scripts/gpu_check.py" "$@"
}

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

# What pip cannot find is told in one sentence, and anything else in pip's own words.
pip() {
    local from=$1 said lacks
    shift
    said=$("$python" -m pip "$@" --quiet --disable-pip-version-check --no-deps --constraint "$here/constraints.txt" 2>&1) && return
    lacks=$(sed -nE 's/.*(No matching distribution found for|Cannot install) ([^ ]*).*/\2/p' <<<"$said" | tail -n 1)
    [ -z "$lacks" ] || fail "$from has no $lacks for Python $version; where there is an index: WHEELS=FOLDER FOR=$version $0 --prepare"
    fail "pip failed: $said"
}

prepare() {
    [ -n "$wheels" ] || fail "WHEELS= names no folder to fill, such as WHEELS=wheels"
    mkdir -p "$wheels"
    version=${FOR:-$version}
    local needs bytes
    needs=$(ask needs) || exit 2
    mapfile -t needs <<<"$needs"
    pip "the index" wheel --wheel-dir "$wheels" antlr4-python3-runtime # of which there is only the source
    pip "the index" download --only-binary=:all: --python-version "$version" --find-links "$wheels" --dest "$wheels" "${needs[@]}"
    bytes=$(cat "$wheels"/*.whl | wc -c)
    [ "$bytes" -le "$most" ] || fail "WHEELS=$wheels holds $bytes bytes, more than $most: empty it first"
    printf 'gpu_check: %s wheels for Python %s, %s bytes, in %s\n' "$(find "$wheels" -name '*.whl' | wc -l)" "$version" "$bytes" "$wheels"
}

check() {
    local began=$SECONDS torch now missing unseen=0 tests=0 speed=0 from=()
    if [ -n "$wheels" ]; then
        [ -d "$wheels" ] || fail "WHEELS=$wheels is no folder; where there is an index: WHEELS=$wheels FOR=$version $0 --prepare"
        from=(--no-index --find-links "$wheels")
    fi
    torch=$(ask torch) || exit 2
    missing=$(ask missing) || exit 2
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    if [ -n "$missing" ]; then
        mapfile -t missing <<<"$missing"
        printf 'gpu_check: adding %s\n' "${missing[*]}"
        pip "${wheels:-the index}" install --no-compile --target "$scratch/added" "${from[@]}" "${missing[@]}"
    fi
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # what the CPU has to compute is small
    export PYTHONPATH="$here:$scratch/added${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
    now=$(ask gpu) || unseen=3
    [ "$torch" = "$now" ] || fail "what was added is in the way of torch: it was $torch, and is $now"
    printf 'gpu_check: %s\n' "$torch"
    [ "$unseen" = 0 ] || exit "$unseen"

    mkdir -p "$out"
    # A warning fails a test, but not that a torch which is newer or older calls something by another name.
    # The many tests of numbers are the last, should time run out.
    SEQNET_GPU_TESTS_SECONDS=$longest_tests within "$((longest_tests + 30))" \
        "$python" -m pytest "$here"/tests/gpu/test_[!n]*.py "$here/tests/gpu/test_numbers.py" \
        --rootdir "$here" -c "$here/pyproject.toml" -q -p no:cacheprovider --basetemp "$scratch/tests" \
        -W default::DeprecationWarning -W default::FutureWarning --durations 5 --junitxml "$scratch/tests.xml" || tests=$?
    within "$longest_benchmark" \
        "$python" "$here/scripts/benchmark.py" gpu --lines "$scratch/pairs.jsonl" || speed=$?
    ask report --tests "$scratch/tests.xml" --pairs "$scratch/pairs.jsonl" \
        --out "$out" --seconds "$((SECONDS - began))" --codes "$tests" "$speed" "$@"
}

# So many seconds at most. A test may take Ctrl-C for one that a run was to hear, so it does not end what runs here.
within() {
    timeout --kill-after 5 "$@" &
    child=$!
    wait "$child"
}

stop() {
    [ -z "$child" ] || { kill "$child" && wait "$child"; } || true
    exit "$1"
}
child=''
trap 'stop 130' INT
trap 'stop 143' TERM

command -v "$python" >/dev/null || fail "PYTHON=$python is no program here; name a Python that has torch for CUDA"
version=$("$python" -c 'import sys; print(*sys.version_info[:2], sep="."); sys.exit(sys.version_info < (3, 11))') ||
    fail "PYTHON=$python is Python ${version:-that does not run}; 3.11 or newer is needed"
case ${1:-} in
    --prepare) prepare ;;
    --write) check --write ;;
    '') check ;;
    -h | --help) usage ;;
    *) fail "$1 is no option; there are --prepare, --write and --help" ;;
esac
