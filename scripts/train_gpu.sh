#!/usr/bin/env bash
# Trains one experiment with several seeds on this machine, one seed per GPU at a time.
#
#   scripts/train_gpu.sh [--dry-run] [--seeds 1,2,3] [--gpus 0,1] EXPERIMENT.yaml [key=value ...]
#
# --seeds    default 1,2,3
# --gpus     default: all that nvidia-smi lists
# --dry-run  print the commands instead of running them
#
# Interrupted, it continues where it stopped when started again. Logs lie in
# logs/, results in runs/<experiment>/<seed>/. The backend is JAX unless
# KERAS_BACKEND says otherwise.
set -euo pipefail

usage() { sed -n '4p' "$0" | cut -c5-; }
fail() { echo "$1" >&2; usage >&2; exit 2; }

dry_run=false
seeds=1,2,3
gpus=
while [[ ${1-} == --* ]]; do
  case $1 in
    --dry-run) dry_run=true; shift ;;
    --seeds) seeds=${2-}; shift 2 || fail "--seeds needs a list" ;;
    --gpus) gpus=${2-}; shift 2 || fail "--gpus needs a list" ;;
    --help) usage; exit ;;
    *) fail "unknown option $1" ;;
  esac
done
[[ $# -gt 0 ]] || fail "which experiment?"
experiment=$1
shift
[[ -f $experiment ]] || fail "there is no experiment file $experiment"
if [[ -z $gpus ]]; then
  gpus=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | paste -sd,) || true
  [[ -n $gpus ]] || fail "nvidia-smi finds no GPU; name them with --gpus"
fi

export KERAS_BACKEND=${KERAS_BACKEND:-jax}
recsys=$(command -v recsys || echo "$(dirname "$0")/../.venv/bin/recsys")
IFS=, read -ra seed_list <<<"$seeds"
IFS=, read -ra gpu_list <<<"$gpus"

run() {
  if $dry_run; then printf '%q ' "$@"; echo; else "$@"; fi
}

# Trains every n-th seed, one after the other, on the n-th GPU.
train_on() {
  local place=$1 status=0 i seed log child=
  shift
  trap 'kill $child; wait; exit 143' TERM
  for ((i = place; i < ${#seed_list[@]}; i += ${#gpu_list[@]})); do
    seed=${seed_list[i]}
    log=logs/$(basename "$experiment" .yaml)-$seed.log
    echo "seed $seed on GPU ${gpu_list[place]}: $log"
    # In the background, so that the trap can end it.
    env "CUDA_VISIBLE_DEVICES=${gpu_list[place]}" \
      "$recsys" run "$experiment" "training.seeds=[$seed]" "$@" >"$log" 2>&1 &
    child=$!
    wait "$child" || { echo "seed $seed failed: $log" >&2; status=1; }
  done
  return $status
}

run "$recsys" doctor --require-gpu
# Once, before the seeds start side by side.
run "$recsys" prepare "$experiment" "$@"
run mkdir -p logs
if $dry_run; then
  for i in "${!seed_list[@]}"; do
    run env "CUDA_VISIBLE_DEVICES=${gpu_list[i % ${#gpu_list[@]}]}" \
      "$recsys" run "$experiment" "training.seeds=[${seed_list[i]}]" "$@"
  done
  exit
fi

workers=()
trap 'kill "${workers[@]}" 2>/dev/null; wait; exit 143' INT TERM
for place in "${!gpu_list[@]}"; do
  train_on "$place" "$@" &
  workers+=($!)
done
status=0
for worker in "${workers[@]}"; do wait "$worker" || status=1; done
exit $status
