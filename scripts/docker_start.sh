#!/usr/bin/env bash
# Starts a container of Dockerfile.gpu: refuses where the backend sees no GPU,
# instead of training slowly on the CPU, then runs `recsys` as told.
set -euo pipefail
recsys doctor --require-gpu
exec recsys "$@"
