#!/usr/bin/env bash
# A stranger's first minutes, by command and from Python; scripts/check_wheel.py
# runs it where nothing but the wheel is installed.
set -euo pipefail

recsys data generate log --events 4000 --users 300 --items 100
recsys init log/interactions.parquet
recsys run experiment.yaml training.epochs=1
recsys recommend runs/experiment/1 --user u1 -k 3

python - <<'END'
import pandas as pd

import recsys

log = pd.read_parquet("log/interactions.parquet")
data = recsys.Dataset.from_frame(log, user="user", item="item", time="time")
run = recsys.train(data, encoder="gru", epochs=1)
assert {"low", "high"} <= set(run.metrics.columns), run.metrics.columns
assert len(run.recommend(users=["u1"], k=3)) == 3
histories = [["i1", "i2"]]
answers = run.recommend(histories=histories, k=3)
copy = recsys.load(run.export("model"))
assert copy.recommend(histories=histories, k=3)["item"].tolist() == answers["item"].tolist()
END
