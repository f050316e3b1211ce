#!/usr/bin/env bash
# Builds the GPU image and runs one experiment in it.
#
#   scripts/train_docker.sh [--dry-run] [--backend jax|tensorflow] EXPERIMENT.yaml [key=value ...]
#
# --backend  default jax
# --dry-run  print the commands instead of running them
#
# Needs Docker with the NVIDIA container toolkit. The container uses runs/ and
# data/ of the current folder, so an interrupted run continues.
# MLFLOW_TRACKING_URI is passed on.
set -euo pipefail

usage() { sed -n '4p' "$0" | cut -c5-; }
fail() { echo "$1" >&2; usage >&2; exit 2; }

dry_run=false
backend=jax
while [[ ${1-} == --* ]]; do
  case $1 in
    --dry-run) dry_run=true; shift ;;
    --backend) backend=${2-}; shift 2 || fail "--backend needs a name" ;;
    --help) usage; exit ;;
    *) fail "unknown option $1" ;;
  esac
done
[[ $backend == jax || $backend == tensorflow ]] || fail "unknown backend $backend"
[[ $# -gt 0 ]] || fail "which experiment?"
experiment=$1
shift
[[ -f $experiment ]] || fail "there is no experiment file $experiment"
$dry_run || command -v docker >/dev/null || fail "docker is not installed"

run() {
  if $dry_run; then printf '%q ' "$@"; echo; else "$@"; fi
}

repository=$(realpath "$(dirname "$0")/..")
inside=experiments/$(basename "$experiment")
run docker build --file "$repository/Dockerfile.gpu" --target "$backend" --tag "recsys:$backend" \
  "$repository"
run mkdir -p runs data
# As the user who calls, so that the results are theirs.
run docker run --rm --gpus all --user "$(id -u):$(id -g)" --env HOME=/tmp \
  --env MLFLOW_TRACKING_URI \
  --volume "$PWD/runs:/app/runs" --volume "$PWD/data:/app/data" \
  --volume "$(realpath "$experiment"):/app/$inside:ro" \
  "recsys:$backend" run "$inside" "$@"
