#!/usr/bin/env bash
# A stranger's first minutes, from a log to recommendations; scripts/check_wheel.py
# runs it where nothing but the wheel is installed.
set -euo pipefail

recsys data generate log --events 4000 --users 300 --items 100
recsys init log/interactions.parquet
recsys run experiment.yaml training.epochs=1
recsys recommend runs/experiment/1 --user u1 -k 3
